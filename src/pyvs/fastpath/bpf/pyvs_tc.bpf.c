// The fast path for tc: clsact or tcx, at ingress.
#include "serve.h"

SEC("tc") int pyvs_tc(struct __sk_buff *skb) { return serve(skb); }

char _license[] SEC("license") = "GPL";
