package moor_test

import (
	"fmt"
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// espNames are the names of ESP-IDF's esp_http_server, v6.1-dev: the public
// header's, Kconfig's, and those of the rest that its users meet. A field has
// its type's name before it.
const espNames = `
httpd_handle_t httpd_start httpd_stop httpd_get_global_user_ctx httpd_get_global_transport_ctx httpd_get_server_state
httpd_queue_work httpd_work_fn_t httpd_get_client_list

httpd_config_t HTTPD_DEFAULT_CONFIG
httpd_config_t.task_priority httpd_config_t.stack_size httpd_config_t.core_id httpd_config_t.task_caps
httpd_config_t.max_req_hdr_len httpd_config_t.max_uri_len httpd_config_t.server_port httpd_config_t.ctrl_port
httpd_config_t.max_open_sockets httpd_config_t.max_uri_handlers httpd_config_t.max_resp_headers
httpd_config_t.backlog_conn httpd_config_t.lru_purge_enable httpd_config_t.recv_wait_timeout
httpd_config_t.send_wait_timeout httpd_config_t.global_user_ctx httpd_config_t.global_user_ctx_free_fn
httpd_config_t.global_transport_ctx httpd_config_t.global_transport_ctx_free_fn httpd_config_t.enable_so_linger
httpd_config_t.linger_timeout httpd_config_t.keep_alive_enable httpd_config_t.keep_alive_idle
httpd_config_t.keep_alive_interval httpd_config_t.keep_alive_count httpd_config_t.if_name httpd_config_t.open_fn
httpd_config_t.close_fn httpd_config_t.uri_match_fn

CONFIG_HTTPD_MAX_REQ_HDR_LEN CONFIG_HTTPD_MAX_URI_LEN CONFIG_HTTPD_ERR_RESP_NO_DELAY CONFIG_HTTPD_PURGE_BUF_LEN
CONFIG_HTTPD_LOG_PURGE_DATA CONFIG_HTTPD_QUEUE_WORK_BLOCKING CONFIG_HTTPD_ENABLE_EVENTS
CONFIG_HTTPD_SERVER_EVENT_POST_TIMEOUT CONFIG_HTTPD_VALIDATE_REQ HTTPD_MAX_REQ_HDR_LEN HTTPD_MAX_URI_LEN ESP_HTTPD_DEF_CTRL_PORT PARSER_BLOCK_SIZE

httpd_uri_t httpd_uri_t.uri httpd_uri_t.method httpd_uri_t.handler httpd_uri_t.user_ctx
httpd_method_t HTTP_ANY HTTP_DELETE HTTP_GET HTTP_HEAD HTTP_POST HTTP_PUT HTTP_CONNECT HTTP_OPTIONS HTTP_TRACE HTTP_COPY
HTTP_LOCK HTTP_MKCOL HTTP_MOVE HTTP_PROPFIND HTTP_PROPPATCH HTTP_SEARCH HTTP_UNLOCK HTTP_BIND HTTP_REBIND HTTP_UNBIND
HTTP_ACL HTTP_REPORT HTTP_MKACTIVITY HTTP_CHECKOUT HTTP_MERGE HTTP_MSEARCH HTTP_NOTIFY HTTP_SUBSCRIBE HTTP_UNSUBSCRIBE
HTTP_PATCH HTTP_PURGE HTTP_MKCALENDAR HTTP_LINK HTTP_UNLINK
httpd_register_uri_handler httpd_unregister_uri_handler httpd_unregister_uri
httpd_uri_match_func_t httpd_uri_match_wildcard

httpd_req_t httpd_req_t.handle httpd_req_t.method httpd_req_t.uri httpd_req_t.content_len httpd_req_t.aux
httpd_req_t.user_ctx httpd_req_t.sess_ctx httpd_req_t.free_ctx httpd_req_t.ignore_sess_ctx_changes httpd_free_ctx_fn_t
httpd_req_recv httpd_req_to_sockfd httpd_req_get_hdr_value_len httpd_req_get_hdr_value_str
httpd_req_get_hdr_value_str_ptr httpd_req_get_url_query_len httpd_req_get_url_query_str httpd_req_get_url_query_str_ptr
httpd_query_key_value httpd_req_get_cookie_val httpd_get_raw_req_data_len httpd_get_raw_req_data
httpd_req_async_handler_begin httpd_req_async_handler_complete

httpd_resp_set_status httpd_resp_set_type httpd_resp_set_hdr httpd_resp_send httpd_resp_sendstr httpd_resp_send_chunk
httpd_resp_sendstr_chunk httpd_send httpd_resp_send_err httpd_resp_send_custom_err httpd_resp_send_404
httpd_resp_send_408 httpd_resp_send_500 HTTPD_RESP_USE_STRLEN HTTPD_200 HTTPD_204 HTTPD_207 HTTPD_400 HTTPD_404
HTTPD_408 HTTPD_500 HTTPD_TYPE_JSON HTTPD_TYPE_TEXT HTTPD_TYPE_OCTET

httpd_register_err_handler httpd_err_handler_func_t httpd_req_handle_err httpd_err_code_t
HTTPD_500_INTERNAL_SERVER_ERROR HTTPD_501_METHOD_NOT_IMPLEMENTED HTTPD_505_VERSION_NOT_SUPPORTED
HTTPD_400_BAD_REQUEST HTTPD_401_UNAUTHORIZED HTTPD_403_FORBIDDEN HTTPD_404_NOT_FOUND HTTPD_405_METHOD_NOT_ALLOWED
HTTPD_408_REQ_TIMEOUT HTTPD_411_LENGTH_REQUIRED HTTPD_413_CONTENT_TOO_LARGE HTTPD_414_URI_TOO_LONG
HTTPD_431_REQ_HDR_FIELDS_TOO_LARGE HTTPD_ERR_CODE_MAX

struct_sock_db httpd_open_func_t httpd_close_func_t httpd_sess_get_ctx httpd_sess_set_ctx
httpd_sess_get_transport_ctx httpd_sess_set_transport_ctx httpd_sess_trigger_close httpd_sess_update_lru_counter
httpd_socket_send httpd_socket_recv
httpd_send_func_t httpd_recv_func_t httpd_pending_func_t httpd_sess_set_send_override httpd_sess_set_recv_override
httpd_sess_set_pending_override HTTPD_SOCK_ERR_FAIL HTTPD_SOCK_ERR_INVALID HTTPD_SOCK_ERR_TIMEOUT

ESP_HTTP_SERVER_EVENT esp_http_server_event_id_t esp_http_server_event_data esp_http_server_event_data.fd
esp_http_server_event_data.data_len HTTP_SERVER_EVENT_ERROR HTTP_SERVER_EVENT_START HTTP_SERVER_EVENT_ON_CONNECTED
HTTP_SERVER_EVENT_ON_HEADER HTTP_SERVER_EVENT_HEADERS_SENT HTTP_SERVER_EVENT_ON_DATA HTTP_SERVER_EVENT_SENT_DATA
HTTP_SERVER_EVENT_DISCONNECTED HTTP_SERVER_EVENT_STOP

ESP_OK ESP_FAIL ESP_ERR_INVALID_ARG ESP_ERR_NOT_FOUND ESP_ERR_HTTPD_BASE ESP_ERR_HTTPD_HANDLERS_FULL
ESP_ERR_HTTPD_HANDLER_EXISTS ESP_ERR_HTTPD_INVALID_REQ ESP_ERR_HTTPD_RESULT_TRUNC ESP_ERR_HTTPD_RESP_HDR
ESP_ERR_HTTPD_RESP_SEND ESP_ERR_HTTPD_ALLOC_MEM ESP_ERR_HTTPD_TASK`

// espLater are the names of WebSocket and of esp_https_server, of which the
// page says "later".
const espLater = `
CONFIG_HTTPD_WS_SUPPORT CONFIG_HTTPD_WS_STRICTER_RFC6455 CONFIG_HTTPD_WS_PRE_HANDSHAKE_CB_SUPPORT
CONFIG_HTTPD_WS_POST_HANDSHAKE_CB_SUPPORT httpd_uri_t.is_websocket httpd_uri_t.handle_ws_control_frames
httpd_uri_t.supported_subprotocol httpd_uri_t.ws_pre_handshake_cb httpd_uri_t.ws_post_handshake_cb
httpd_ws_recv_frame httpd_ws_recv_frame_part httpd_ws_send_frame httpd_ws_send_frame_async httpd_ws_send_data
httpd_ws_send_data_async httpd_ws_get_fd_info httpd_ws_client_info_t HTTPD_WS_CLIENT_INVALID HTTPD_WS_CLIENT_HTTP
HTTPD_WS_CLIENT_WEBSOCKET httpd_ws_frame_t httpd_ws_frame_t.final httpd_ws_frame_t.fragmented httpd_ws_frame_t.type
httpd_ws_frame_t.payload httpd_ws_frame_t.len httpd_ws_frame_t.left_len httpd_ws_type_t HTTPD_WS_TYPE_CONTINUE
HTTPD_WS_TYPE_TEXT HTTPD_WS_TYPE_BINARY HTTPD_WS_TYPE_CLOSE HTTPD_WS_TYPE_PING HTTPD_WS_TYPE_PONG transfer_complete_cb

httpd_ssl_start httpd_ssl_stop httpd_ssl_config_t HTTPD_SSL_CONFIG_DEFAULT httpd_ssl_config_t.httpd
httpd_ssl_config_t.servercert httpd_ssl_config_t.servercert_len httpd_ssl_config_t.cacert_pem
httpd_ssl_config_t.cacert_len httpd_ssl_config_t.prvtkey_pem httpd_ssl_config_t.prvtkey_len
httpd_ssl_config_t.use_ecdsa_peripheral httpd_ssl_config_t.ecdsa_key_efuse_blk
httpd_ssl_config_t.ecdsa_key_efuse_blk_high httpd_ssl_config_t.ecdsa_curve httpd_ssl_config_t.transport_mode
httpd_ssl_config_t.port_secure httpd_ssl_config_t.port_insecure httpd_ssl_config_t.session_tickets
httpd_ssl_config_t.use_secure_element httpd_ssl_config_t.user_cb httpd_ssl_config_t.ssl_userdata
httpd_ssl_config_t.cert_select_cb httpd_ssl_config_t.alpn_protos httpd_ssl_config_t.tls_handshake_timeout_ms
httpd_ssl_transport_mode_t HTTPD_SSL_TRANSPORT_SECURE HTTPD_SSL_TRANSPORT_INSECURE httpd_ssl_user_cb_state_t
HTTPD_SSL_USER_CB_SESS_CREATE HTTPD_SSL_USER_CB_SESS_CLOSE esp_https_server_user_cb esp_https_server_user_cb_arg_t
esp_https_server_cert_select_cb esp_https_server_last_error_t ESP_HTTPS_SERVER_EVENT esp_https_server_event_id_t
HTTPS_SERVER_EVENT_ERROR HTTPS_SERVER_EVENT_START HTTPS_SERVER_EVENT_ON_CONNECTED HTTPS_SERVER_EVENT_ON_DATA
HTTPS_SERVER_EVENT_SENT_DATA HTTPS_SERVER_EVENT_DISCONNECTED HTTPS_SERVER_EVENT_STOP`

// espTests are the functions of ESP-IDF's own script, test.py, and the requests
// of its arbitrary_termination_test by number.
const espTests = `
get_hello put_hello post_hello post_echo put_echo get_echo get_test_headers get_hello_type get_hello_status
get_false_uri parallel_sessions_adder async_response_test leftover_data_test spillover_session recv_timeout_test
packet_size_limit_test arbitrary_termination_test code_500_server_error_test code_501_method_not_impl
code_505_version_not_supported code_400_bad_request code_404_not_found code_405_method_not_allowed code_408_req_timeout
code_411_length_required code_414_uri_too_long code_431_hdr_too_long test_upgrade_not_supported
termination_1 termination_2 termination_3 termination_4 termination_5 termination_6 termination_7 termination_8
termination_9 termination_10 termination_11 termination_12 termination_13 termination_14 termination_15 termination_16`

// TestEspTable holds docs/esp-idf.md against ESP-IDF's names and against the
// code: no name is missing, the Go names exist, and what is there has a test.
// That those tests exist is TestDocTables' business.
func TestEspTable(t *testing.T) {
	const path = "docs/esp-idf.md"
	d := document{path, tables(readText(t, path))}
	later := strings.Fields(espLater)
	for _, fix := range slices.Concat(
		d.lists("C name", append(strings.Fields(espNames), later...)),
		d.lists("test.py", strings.Fields(espTests)),
		d.verdicts(later),
		d.goNames(apiOf(load(t))),
	) {
		t.Error(fix)
	}
}

// quoted are the names in a cell; a space in one is written "_" in the lists.
func quoted(cell string) (names []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
		names = append(names, strings.ReplaceAll(m[1], " ", "_"))
	}
	return names
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// lists wants the tables whose first column is this one to have each name in
// one row, and no other name.
func (d *document) lists(column string, names []string) (fixes []string) {
	missing := map[string]bool{}
	for _, name := range names {
		missing[name] = true
	}
	known := maps.Clone(missing)
	for _, table := range d.tables {
		if table.columns[0] != column {
			continue
		}
		for _, row := range table.rows {
			if len(quoted(row.cells[0])) == 0 {
				fixes = append(fixes, d.fix(row, "no name in the first cell"))
			}
			for _, name := range quoted(row.cells[0]) {
				switch {
				case !known[name]:
					fixes = append(fixes, d.fix(row, "ESP-IDF has no %s", name))
				case !missing[name]:
					fixes = append(fixes, d.fix(row, "%s has a row already", name))
				}
				delete(missing, name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		fixes = append(fixes, fmt.Sprintf("%s: no row for %s under %q", d.path, name, column))
	}
	return fixes
}

var verdictForm = regexp.MustCompile(`^(same|later|(better|left out): \S.*)$`)

// verdicts wants each row that has one to say same, better: how, left out: why,
// or later, which is for the names of that list alone; and a test of what is
// there.
func (d *document) verdicts(later []string) (fixes []string) {
	for _, table := range d.tables {
		verdict, test := slices.Index(table.columns, "verdict"), slices.Index(table.columns, "test")
		if verdict < 0 || test < 0 {
			fixes = append(fixes, fmt.Sprintf("%s: a table under %q without a verdict or a test", d.path, table.heading))
			continue
		}
		for _, row := range table.rows {
			if len(row.cells) == len(table.columns) { // or else tests says so
				fixes = append(fixes, d.verdict(row, row.cells[verdict], row.cells[test], later)...)
			}
		}
	}
	return fixes
}

func (d *document) verdict(row tableRow, verdict, test string, later []string) (fixes []string) {
	if !verdictForm.MatchString(verdict) {
		return []string{d.fix(row, "the verdict is %q: say same, `better: how`, `left out: why`, or later", verdict)}
	}
	if isThere(verdict) && !testName.MatchString(test) {
		fixes = append(fixes, d.fix(row, "%s, and no test is named that holds it", verdict))
	}
	names, laters := quoted(row.cells[0]), 0
	for _, name := range names {
		if slices.Contains(later, name) {
			laters++
		}
	}
	if (verdict == "later") != (laters > 0) || laters > 0 && laters < len(names) {
		fixes = append(fixes, d.fix(row, "later is what WebSocket and HTTPS are, each of their names and no other"))
	}
	return fixes
}

func isThere(verdict string) bool {
	return verdict == "same" || strings.HasPrefix(verdict, "better: ")
}

// goNames wants each row of a C name that is there to name what it is in Go,
// and that to exist: as package httpd exports it, or as io.EOF of a package that
// is not ours.
func (d *document) goNames(api map[string]bool) (fixes []string) {
	for _, table := range d.tables {
		at, verdict := slices.Index(table.columns, "Go name"), slices.Index(table.columns, "verdict")
		for _, row := range table.rows {
			if at < 0 || verdict < 0 || len(row.cells) != len(table.columns) {
				continue
			}
			names := quoted(row.cells[at])
			if is := isThere(row.cells[verdict]); is != (len(names) > 0) {
				fixes = append(fixes, d.fix(row, "%d Go names for what is %.8q", len(names), row.cells[verdict]))
			}
			for _, name := range names {
				if !api[name] && !foreignName.MatchString(name) {
					fixes = append(fixes, d.fix(row, "package httpd exports no %s", name))
				}
			}
		}
	}
	return fixes
}

var foreignName = regexp.MustCompile(`^[a-z]+\.[A-Z]\w*$`)

// apiOf returns what package httpd exports: Name, Type, Type.Field and
// Type.Method.
func apiOf(files []*file) map[string]bool {
	api := map[string]bool{}
	inspect(code(files), func(f *file, n ast.Node) {
		file, ok := n.(*ast.File)
		if !ok || f.dir() != "httpd" {
			return
		}
		for _, decl := range file.Decls {
			for _, name := range declared(decl) {
				api[name] = true
			}
		}
	})
	return api
}

func declared(decl ast.Decl) (names []string) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil {
			return exportedAs("", decl.Name)
		}
		return exportedAs(receiver(decl)+".", decl.Name)
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(append(names, exportedAs("", spec.Name)...), members(spec)...)
			case *ast.ValueSpec:
				names = append(names, exportedAs("", spec.Names...)...)
			}
		}
	}
	return names
}

// members are the fields of a struct, or the methods of an interface.
func members(spec *ast.TypeSpec) (names []string) {
	var fields []*ast.Field
	switch typ := spec.Type.(type) {
	case *ast.StructType:
		fields = typ.Fields.List
	case *ast.InterfaceType:
		fields = typ.Methods.List
	}
	for _, field := range fields {
		names = append(names, exportedAs(spec.Name.Name+".", field.Names...)...)
	}
	return names
}

func exportedAs(prefix string, names ...*ast.Ident) (all []string) {
	for _, name := range exported(names) {
		if prefix == "" || ast.IsExported(prefix) {
			all = append(all, prefix+name.Name)
		}
	}
	return all
}

const (
	espHead  = "| C name | Go name | verdict | test |\n|---|---|---|---|\n"
	caseHead = "| case | ESP-IDF | moor | verdict | test |\n|---|---|---|---|---|\n"
)

const pagesAPI = `-- httpd/a.go --
type T struct { F int; g int }
type I interface { M(); n() }
type u struct { F int }
func (t *T) Do() {}
func (t *T) not() {}
func (u *u) Do() {}
func Start() {}
const C, d = 1, 2
var V int
-- httpd/a_test.go --
func InTest() {}
-- other/a.go --
func Elsewhere() {}`

// TestEspRules: what is said of pages about the names a, b and c, of which c
// is for later.
func TestEspRules(t *testing.T) {
	api := apiOf(sources(t, pagesAPI))
	if got := strings.Join(slices.Sorted(maps.Keys(api)), " "); got != "C I I.M Start T T.Do T.F V" {
		t.Fatalf("the API is %s", got)
	}
	for _, p := range espPages {
		d := document{"a.md", tables(p.text)}
		names, later := []string{"a", "b_b", "c"}, []string{"c"}
		if !strings.HasPrefix(p.text, "| C name") {
			names = nil
		}
		got := strings.Join(slices.Concat(d.lists("C name", names), d.verdicts(later), d.goNames(api)), "\n")
		if p.want == "" && got != "" || !strings.Contains(got, p.want) {
			t.Errorf("%q, want %q:\n%s", got, p.want, p.text)
		}
	}
}

// The two rows that make a page whole with a row for `a`.
const espRest = "| `b b` | | left out: why | |\n| `c` | | later | |"

var espPages = []page{
	{espHead + "| `a` | `T` | same | `httpd TestA` |\n" + espRest, ""},
	{espHead + "| `a` | `T.F`, `I.M`, `io.EOF` | better: how | `httpd TestA` |\n" + espRest, ""},
	{espHead + "| `a`, `b b` | `Start` | same | `httpd TestA/a row` |\n| `c` | | later | |", ""},
	{espHead + espRest, `a.md: no row for a under "C name"`},
	{espHead, "no row for b_b"},
	{espHead + "| `a` | `T` | same | `httpd TestA` |\n| `c` | | later | |", "no row for b_b"},
	{espHead + "| a | `T` | same | `httpd TestA` |\n" + espRest, "a.md:3: no name in the first cell"},
	{espHead + "| `a` | `T` | same | `httpd TestA` |\n| `a` | `T` | same | `httpd TestA` |\n" + espRest, "a.md:4: a has a row already"},
	{espHead + "| `a`, `a` | `T` | same | `httpd TestA` |\n" + espRest, "a has a row already"},
	{espHead + "| `a`, `d` | `T` | same | `httpd TestA` |\n" + espRest, "a.md:3: ESP-IDF has no d"},

	{espHead + "| `a` | `T` | same | |\n" + espRest, "a.md:3: same, and no test is named"},
	{espHead + "| `a` | `T` | better: how | TestA |\n" + espRest, "better: how, and no test is named"},
	{espHead + "| `a` | `T` | | `httpd TestA` |\n" + espRest, `the verdict is ""`},
	{espHead + "| `a` | `T` | same: how | `httpd TestA` |\n" + espRest, `the verdict is "same: how"`},
	{espHead + "| `a` | `T` | better | `httpd TestA` |\n" + espRest, `the verdict is "better"`},
	{espHead + "| `a` | `T` | better: | `httpd TestA` |\n" + espRest, `the verdict is "better:"`},
	{espHead + "| `a` | | left out | |\n" + espRest, `the verdict is "left out"`},
	{espHead + "| `a` | | worse: how | |\n" + espRest, `the verdict is "worse: how"`},

	{espHead + "| `a` | | later | |\n" + espRest, "a.md:3: later is what WebSocket and HTTPS are"},
	{espHead + "| `a`, `c` | | later | |\n| `b b` | | left out: why | |", "later is what"},
	{espHead + "| `a`, `c` | | left out: why | |\n| `b b` | | left out: why | |", "later is what"},
	{espHead + "| `a`, `b b` | | left out: why | |\n| `c` | | left out: why | |", "a.md:4: later is what"},
	{espHead + "| `a`, `b b` | | left out: why | |\n| `c` | `T` | same | `httpd TestA` |", "a.md:4: later is what"},

	{espHead + "| `a` | `U` | same | `httpd TestA` |\n" + espRest, "a.md:3: package httpd exports no U"},
	{espHead + "| `a` | `T`, `T.G` | same | `httpd TestA` |\n" + espRest, "package httpd exports no T.G"},
	{espHead + "| `a` | `T.g` | same | `httpd TestA` |\n" + espRest, "package httpd exports no T.g"},
	{espHead + "| `a` | `InTest` | same | `httpd TestA` |\n" + espRest, "package httpd exports no InTest"},
	{espHead + "| `a` | `Elsewhere` | same | `httpd TestA` |\n" + espRest, "package httpd exports no Elsewhere"},
	{espHead + "| `a` | | same | `httpd TestA` |\n" + espRest, `0 Go names for what is "same"`},
	{espHead + "| `a` | T | same | `httpd TestA` |\n" + espRest, `0 Go names for what is "same"`},
	{espHead + "| `a` | `T` | left out: why | |\n" + espRest, `1 Go names for what is "left out"`},

	{caseHead + "| a | b | c | same | `httpd TestA` |\n| `d` | b | `U` | left out: why | |", ""},
	{caseHead + "| a | b | c | same | |", "a.md:3: same, and no test"},
	{caseHead + "| a | b | c | later | |", "later is what"},
	{"## H\n| case | ESP-IDF | test |\n|---|---|---|\n| a | b | |", `a table under "H" without a verdict or a test`},
}
