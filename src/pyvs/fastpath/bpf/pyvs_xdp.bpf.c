// The fast path for XDP.
#define PYVS_XDP
#define PERSISTENT persistent_xdp
#include "serve.h"

SEC("xdp") int pyvs_xdp(struct xdp_md *ctx) { return serve(ctx); }

#ifndef PYVS_NO_TAIL
SEC("xdp") int persistent4(struct xdp_md *ctx) { return go_on(ctx, false); }
SEC("xdp") int persistent6(struct xdp_md *ctx) { return go_on(ctx, true); }
#endif

char _license[] SEC("license") = "GPL";
