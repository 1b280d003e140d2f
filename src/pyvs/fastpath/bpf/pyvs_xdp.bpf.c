// The fast path for XDP.
#define PYVS_XDP
#include "serve.h"

SEC("xdp") int pyvs_xdp(struct xdp_md *ctx) { return serve(ctx); }

char _license[] SEC("license") = "GPL";
