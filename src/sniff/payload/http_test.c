/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/payload/http.h"

#include "base/mem.h"
#include "sniff/kit_test.h"

static void
a_head_has_its_end_or_is_awaited_up_to_a_ceiling(void **state)
{
    static char large[NJ_HTTP_HEAD_MAX];
    bool is_fault;

    (void)state;
    assert_int_equal(nj_http_head_bytes(NJ_STR("GET / HTTP/1.1\r\nA: b\r\n\r\nmore"), &is_fault),
                     24);
    assert_int_equal(nj_http_head_bytes(NJ_STR("GET / HTTP/1.1\r\nA: b\r\n"), &is_fault), 0);
    assert_false(is_fault);
    memset(large, 'a', sizeof(large));
    assert_int_equal(nj_http_head_bytes((struct nj_str){large, sizeof(large)}, &is_fault), 0);
    assert_true(is_fault);
    assert_int_equal(nj_http_head_bytes((struct nj_str){NULL, 0}, &is_fault), 0);
    assert_false(is_fault);
}

static void
it_is_told_by_its_beginning(void **state)
{
    (void)state;
    assert_true(nj_http_begins(NJ_STR("GET /mqtt HTTP/1.1")));
    assert_true(nj_http_begins(NJ_STR("HTTP/1.1 101 Switching")));
    assert_false(nj_http_begins(NJ_STR("HTTP/1.1 200 OK")));
    assert_false(nj_http_begins(NJ_STR("GET ")));
    assert_true(nj_http_may_begin(NJ_STR("GET ")));
    assert_true(nj_http_may_begin(NJ_STR("H")));
    assert_false(nj_http_may_begin(NJ_STR("GEL")));
}

static struct nj_http_head
dissect(struct nj_str text, const char *shown)
{
    struct nj_tree tree = {0};
    struct nj_text info = {0}, line = {0};
    struct nj_http_head head;

    nj_http_dissect(text, &tree, &info, &head);
    nj_text_put(&line, nj_text_str(&info));
    for (size_t i = 1; i < tree.count; i++) {
        nj_text_putf(&line, "|%s=", nj_field_name((enum nj_field)tree.item[i].field));
        nj_item_put_shown(&line, &tree.item[i]);
    }
    assert_string_equal(nj_text_c(&line), shown);
    nj_text_fini(&line);
    nj_text_fini(&info);
    nj_tree_fini(&tree);
    assert_int_equal(nj_mem_used(), 0);
    return head;
}

static void
a_request_and_a_response_are_laid_out(void **state)
{
    struct nj_http_head head;

    (void)state;
    head = dissect(NJ_STR("GET /m HTTP/1.1\r\nhOST:  a:1 \r\nX-Other: 1\r\nCookie:\r\n\r\n"),
                   "GET /m HTTP/1.1 |http.request.method=GET|http.request.uri=/m|"
                   "http.request.version=HTTP/1.1|http.host=a:1|http.cookie=");
    assert_true(head.is_request);
    head =
        dissect(NJ_STR("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"),
                "HTTP/1.1 101 Switching Protocols |http.response.version=HTTP/1.1|"
                "http.response.code=101|http.response.phrase=Switching Protocols|"
                "http.sec_websocket_protocol=mqtt");
    assert_false(head.is_request);
    assert_int_equal(head.status, 101);
    assert_true(nj_str_eq(head.protocol, NJ_STR("mqtt")));
}

/* It is shown as it is, and is no number of which one could make more than there is. */
static void
a_head_that_is_none_is_shown_as_far_as_it_goes(void **state)
{
    (void)state;
    assert_int_equal(dissect(NJ_STR("HTTP/1.1 99999999999999\r\n\r\n"),
                             "HTTP/1.1 99999999999999 |http.response.version=HTTP/1.1|"
                             "http.response.code=999|http.response.phrase=")
                         .status,
                     999);
    (void)dissect(NJ_STR("\r\n\r\n"),
                  " |http.request.method=|http.request.uri=|http.request.version=");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_has_its_end_or_is_awaited_up_to_a_ceiling),
        cmocka_unit_test(it_is_told_by_its_beginning),
        cmocka_unit_test(a_request_and_a_response_are_laid_out),
        cmocka_unit_test(a_head_that_is_none_is_shown_as_far_as_it_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
