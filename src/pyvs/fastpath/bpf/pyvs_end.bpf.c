// One entry of the connection table, looked at by its key: for kernels without iterators or type information.
#include "over.h"

static __always_inline void look(struct ended *ended, bool six) {
    struct conn *conn = find(&ended->key, six);
    if (conn)
        end_if_over(conn, ended, six);
}

enum { A_TEMPLATE = 1 };

// `given` has the family and the key when it comes; when it goes, kind is 0 if the connection goes on. For templates kind
// is A_TEMPLATE, and status the number.
SEC("syscall") int pyvs_end(struct ended *given) {
    struct ended ended = {.key = given->key};
    if (given->kind == A_TEMPLATE)
        end_template_if_over(given->status);
    else if (given->kind == 10)
        look(&ended, true);
    else
        look(&ended, false);
    given->kind = ended.kind;
    given->status = ended.status;
    given->dest = ended.dest;
    given->packets = ended.packets;
    return 0;
}

char _license[] SEC("license") = "GPL";
