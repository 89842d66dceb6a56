package fuzz

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"moor.example/httpd/parser"
)

var (
	// A change is judged by the same requests each time; look for more with 0.
	seedFlag  = flag.Uint64("differential.seed", 1, "seed of TestDifferential and TestEngine; 0: another one each time")
	countFlag = flag.Int("differential.count", 100_000, "requests of TestDifferential")
)

// TestDifferential reads many requests, valid ones and spoilt ones, as we and
// as net/http read them. What both take must be the same request to both, with
// the next one beginning at the same octet. What only one takes must have a
// cause that is in the tables below, with the reason why that is right.
func TestDifferential(t *testing.T) {
	seed, count := *seedFlag, *countFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	if testing.Short() {
		count = min(count, 5000)
	}
	t.Logf("-differential.seed=%d", seed)
	g, tally := newGenerator(seed), tally{}
	for i := range count {
		b, valid := g.request(), g.oneIn(3)
		if !valid {
			b = g.spoil(b, g.request())
		}
		if g.oneIn(2) {
			b = slices.Concat(b, g.request())
		}
		if fault := tally.judge(b, valid); fault != "" {
			t.Fatalf("request %d: %s\n%q", i, fault, b)
		}
	}
	t.Log(tally.String())
	if c := tally[outcome{both, ""}]; c.requests*4 < count {
		t.Errorf("%d of %d are taken by both: the generator spoils too much", c.requests, count)
	}
	for o, c := range tally {
		if o.cause != "" && reasons[o] == "" {
			t.Errorf("%s, and no reason is known why: %s\n%q", o.who, o.cause, c.example)
		}
	}
}

// Who takes a request.
const (
	both     = "both"
	onlyWe   = "only we"
	onlyThey = "only net/http"
	neither  = "neither"
)

// An outcome is who takes a request, and why the other one does not.
type outcome struct{ who, cause string }

// A tally counts outcomes, and has an example of each.
type tally map[outcome]struct {
	requests int
	example  []byte
}

// judge counts a request, and says what may not be.
func (t tally) judge(b []byte, valid bool) (fault string) {
	our, ourErr := ours(b)
	their, theirErr := theirs(b)
	o := outcome{who: neither}
	switch {
	case valid && ourErr != nil:
		return fmt.Sprintf("it is valid, but %v", ourErr)
	case ourErr == nil && theirErr == nil:
		o.who, fault = both, difference(our, their)
	case ourErr == nil:
		o = outcome{onlyWe, quoted.ReplaceAllString(theirErr.Error(), "...")}
	case theirErr == nil:
		o = outcome{onlyThey, ourErr.Error()}
	}
	c := t[o]
	c.requests++
	c.example = b
	t[o] = c
	if fault != "" {
		fault = fmt.Sprintf("another %s:\nnet/http has %+v\nwe have      %+v", fault, their, our)
	}
	return fault
}

// quoted is what an error of net/http has of the one request.
var quoted = regexp.MustCompile(`"(\\.|[^"\\])*"`)

// reasons says why it is right that only one takes a request with that cause.
var reasons = map[outcome]string{
	{onlyWe, "malformed HTTP request ..."}:        "an empty line before a request (RFC 9112 2.2)",
	{onlyWe, "invalid byte in chunk length"}:      "white space before the ';' of a chunk-ext, which must be parsed (RFC 9112 7.1.1)",
	{onlyWe, "parse ...: invalid URL escape ..."}: "a host with a percent-encoded ASCII letter (RFC 3986 3.2.2)",

	{onlyThey, parser.ErrMethodTooLong.Error()}:           "longer than any that is registered",
	{onlyThey, parser.ErrControl.Error()}:                 "a control octet in a chunk-ext",
	{onlyThey, parser.ErrLineEnd.Error()}:                 "lines that end in LF alone",
	{onlyThey, parser.ErrTarget.Error()}:                  "octets that no URI has, a fragment",
	{onlyThey, parser.ErrVersionUnsupported.Error()}:      "http.Server says 505, after http.ReadRequest",
	{onlyThey, parser.ErrFieldName.Error()}:               "white space in a name: http.Server refuses it, but not in trailers",
	{onlyThey, parser.ErrFold.Error()}:                    "obs-fold",
	{onlyThey, parser.ErrTargetForm.Error()}:              "another scheme, an asterisk, CONNECT with a path",
	{onlyThey, parser.ErrTargetHost.Error()}:              "userinfo, no host, a port that TCP has not",
	{onlyThey, parser.ErrHost.Error()}:                    "http.Server refuses some of it, after http.ReadRequest",
	{onlyThey, parser.ErrHostMissing.Error()}:             "http.Server refuses it, after http.ReadRequest",
	{onlyThey, parser.ErrContentLengthRepeated.Error()}:   "the same one twice",
	{onlyThey, parser.ErrFramingConflict.Error()}:         "net/http drops Content-Length, and in HTTP/1.0 Transfer-Encoding",
	{onlyThey, parser.ErrTransferEncodingVersion.Error()}: "net/http takes it for no field at all",
	{onlyThey, parser.ErrChunkExtension.Error()}:          "net/http skips whatever follows ';', and white space before CRLF",
	{onlyThey, parser.ErrTrailerField.Error()}:            "net/http hands it to the handler, apart from the others",
}

// String returns the counts as a table.
func (t tally) String() string {
	total := 0
	for _, c := range t {
		total += c.requests
	}
	var s strings.Builder
	for _, who := range []string{both, onlyWe, onlyThey, neither} {
		sum := 0
		rows := slices.SortedFunc(maps.Keys(t), func(a, b outcome) int { return cmp.Compare(t[b].requests, t[a].requests) })
		rows = slices.DeleteFunc(rows, func(o outcome) bool { return o.who != who })
		for _, o := range rows {
			sum += t[o].requests
		}
		fmt.Fprintf(&s, "\n%7d  %4.1f %%  %s", sum, 100*float64(sum)/float64(total), who)
		for _, o := range rows {
			if o.cause != "" {
				fmt.Fprintf(&s, "\n%15d    %s: %s", t[o].requests, o.cause, reasons[o])
			}
		}
	}
	return s.String()
}
