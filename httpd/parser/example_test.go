package parser_test

import (
	"fmt"

	"moor.example/httpd/parser"
)

func ExampleHead_Parse() {
	h := parser.Head{MaxTarget: 8192, MaxHead: 16384, Fields: make([]parser.Field, 0, 100)}
	var guard parser.Guard // of this connection
	b := []byte("POST /adder HTTP/1.1\r\nHost: a\r\n\r\n5")

	_, err := h.Parse(b[:20], &guard)
	fmt.Println(err)

	n, err := h.Parse(b, &guard)
	fmt.Println(n, err)
	fmt.Printf("%s %s 1.%d %s=%s\n", h.Method.Of(b), h.Target.Of(b), h.Minor,
		h.Fields[0].Name.Of(b), h.Fields[0].Value.Of(b))
	// Output:
	// parser: incomplete message
	// 33 <nil>
	// POST /adder 1.1 Host=a
}

func ExampleFraming() {
	h := parser.Head{MaxTarget: 8192, MaxHead: 16384, Fields: make([]parser.Field, 0, 100)}
	b := []byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
	if _, err := h.Parse(b, new(parser.Guard)); err != nil {
		fmt.Println(err)
		return
	}
	_, err := parser.Framing(&h, b)
	fmt.Println(err)
	// Output: parser: Transfer-Encoding with Content-Length
}

func ExampleChunks_Decode() {
	var chunks parser.Chunks // of this connection
	limits := parser.ChunkLimits{Content: 1 << 20, Extensions: 4096}
	trailer := parser.Trailer{Max: 4096, Fields: make([]parser.Field, 0, 16)}

	first, second := []byte("4\r\nmoor\r\n3\r\ni"), []byte("ng\r\n0\r\nTide: high\r\n\r\n")
	content, _, err := chunks.Decode(first, &limits)
	fmt.Printf("%s, %d octets to come: %v\n", first[:content], chunks.Left(), err)

	content, n, err := chunks.Decode(second, &limits)
	fmt.Printf("%s %v\n", second[:content], err)

	rest := second[n:]
	n, err = trailer.Parse(rest, new(parser.Guard))
	tide, _ := trailer.Field(rest, "tide")
	fmt.Printf("%d of %d, tide %s %v\n", n, len(rest), tide, err)
	// Output:
	// moori, 2 octets to come: parser: incomplete message
	// ng <nil>
	// 14 of 14, tide high <nil>
}

func ExampleSplitTarget() {
	h := parser.Head{MaxTarget: 8192, MaxHead: 16384, Fields: make([]parser.Field, 0, 100)}
	b := []byte("GET http://quay.example:8080/berths?free=1 HTTP/1.1\r\nHost: quay.example\r\n\r\n")
	if _, err := h.Parse(b, new(parser.Guard)); err != nil {
		fmt.Println(err)
		return
	}
	t, err := parser.SplitTarget(&h, b)
	fmt.Printf("%s %s %s %v\n", t.Authority.Of(b), t.Path.Of(b), t.Query.Of(b), err)
	// Output: quay.example:8080 /berths free=1 <nil>
}

func ExampleNextPair() {
	query := []byte("name=moor+hen&berth=%234")
	for len(query) > 0 {
		var name, value []byte
		name, value, query = parser.NextPair(query)
		value, err := parser.AppendUnescapedQuery(nil, value)
		fmt.Printf("%s: %s %v\n", name, value, err)
	}
	// Output:
	// name: moor hen <nil>
	// berth: #4 <nil>
}

func ExampleQueryValue() {
	value, ok := parser.QueryValue([]byte("a=1&b=x%20y"), "b")
	fmt.Printf("%s %v\n", value, ok)
	// Output: x%20y true
}
