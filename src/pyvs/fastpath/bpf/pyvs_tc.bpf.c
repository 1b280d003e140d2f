// The fast path for tc: clsact or tcx, at ingress.
#define PERSISTENT persistent_tc
#include "serve.h"

SEC("tc") int pyvs_tc(struct __sk_buff *skb) { return serve(skb); }

#ifndef PYVS_NO_TAIL
SEC("tc") int persistent4(struct __sk_buff *skb) { return go_on(skb, false); }
SEC("tc") int persistent6(struct __sk_buff *skb) { return go_on(skb, true); }
#endif

char _license[] SEC("license") = "GPL";
