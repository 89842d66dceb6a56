package httpd

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// wildcardRows are by the rules of MatchWildcard. The first rows of each rule
// are those that ESP-IDF tests its matcher with.
var wildcardRows = []struct {
	rule    string
	pattern string
	yes, no []string
}{
	{"nothing special: the same octets", "/", []string{"/"}, []string{"", "/wrong", "//", "*"}},
	{"nothing special: the same octets", "", []string{""}, []string{"/", "a"}},
	{"nothing special: the same octets", "/wrong", []string{"/wrong"}, []string{"/", "/wrong/", "/wron", "/Wrong", "wrong"}},
	{"nothing special: the same octets", "/asdfghjkl/qwertrtyyuiuioo", []string{"/asdfghjkl/qwertrtyyuiuioo"}, []string{"/asdfghjkl/qwertrtyyuiuio"}},
	{"nothing special: the same octets", "/path", []string{"/path"}, []string{"/path/", "/pat", "/path%2F"}},
	{"nothing special: the same octets", "/path/", []string{"/path/"}, []string{"/path", "/path//", "/path/x"}},
	{"nothing special: the same octets", "/%41", []string{"/%41"}, []string{"/A", "/%4", "/%61"}},

	{"* at the end: anything follows", "*", []string{"", "/", "/aaa", "*", "a:1"}, nil},
	{"* at the end: anything follows", "/path/*", []string{"/path/", "/path/blabla", "/path/a/b/c", "/path/*", "/path/\x00"}, []string{"/path", "/", "", "/pat", "/path*", "/Path/x"}},
	{"* at the end: anything follows", "/a*", []string{"/a", "/ab", "/a/b"}, []string{"/", "/b"}},
	{"* at the end: only the last is special", "/a**", []string{"/a*", "/a*b"}, []string{"/a", "/ab"}},
	{"* at the end: only the last is special", "**", []string{"*", "**", "*a"}, []string{"", "/", "a*"}},

	{"? at the end: the octet before it may be missing", "/path/?", []string{"/path", "/path/"}, []string{"/pa", "/path/alalal", "", "/path/?", "/path//", "/pathx"}},
	{"? at the end: the octet before it may be missing", "/ab?", []string{"/a", "/ab"}, []string{"/", "/abb", "/b", "/ac"}},
	{"? at the end: the octet before it may be missing", "/?", []string{"", "/"}, []string{"//", "a", "?"}},
	{"? at the end: only the last is special", "/a??", []string{"/a", "/a?"}, []string{"/", "/ab", "/a??"}},

	{"both: the octet before may be missing, else anything follows", "/path/?*", []string{"/path", "/path/", "/path/blabla", "/path//"}, []string{"/pat", "/pathb", "/pathxx", "/pathblabla", ""}},
	{"both: in either order", "/path/*?", []string{"/path", "/path/", "/path/blabla"}, []string{"/pat", "/pathb", "/pathxx", ""}},
	{"both: in either order", "a?*", []string{"", "a", "aa", "ab"}, []string{"b", "ba"}},
	{"both: only the last two are special", "/a*?*", []string{"/a", "/a*", "/a*b"}, []string{"/ab", "/"}},
	{"both: only the last two are special", "/a?*?", []string{"/a", "/a?", "/a?b"}, []string{"/", "/ab"}},
	{"both: only the last two are special", "**?", []string{"", "*", "*a"}, []string{"a"}},

	{"elsewhere they are octets", "/path/*/xxx", []string{"/path/*/xxx"}, []string{"/path/", "/path/a/xxx", "/path//xxx"}},
	{"elsewhere they are octets", "/a?b", []string{"/a?b"}, []string{"/ab", "/b", "/a"}},
	{"elsewhere they are octets", "/?/*/x*", []string{"/?/*/x", "/?/*/xy"}, []string{"/a/b/x", "//*/x"}},
	{"elsewhere they are octets", "*/", []string{"*/"}, []string{"/", "a/"}},

	{"nothing to be missing: nothing matches", "?", nil, []string{"", "sfsdf", "?", "/"}},
	{"nothing to be missing: nothing matches", "?*", nil, []string{"", "a", "?", "?*", "*"}},
	{"nothing to be missing: nothing matches", "*?", nil, []string{"", "a", "*", "*?", "?"}},
}

// patternRows are by the rules of MatchPattern.
var patternRows = []struct {
	rule    string
	pattern string
	yes, no []string
}{
	{"no place: the same octets", "/", []string{"/"}, []string{"", "//", "/a", "*"}},
	{"no place: the same octets", "/a/b", []string{"/a/b"}, []string{"/a", "/a/", "/a/b/", "/A/b", "/a//b", "/a/c", "/%61/b"}},
	{"no place: the same octets", "/a/", []string{"/a/"}, []string{"/a", "/a/b", "/a//"}},
	{"no place: the same octets", "*", []string{"*"}, []string{"", "/", "**"}},
	{"no place: * and ? are octets", "/a*/b?", []string{"/a*/b?"}, []string{"/a/b", "/aa/b"}},

	{"{name}: one segment", "/{a}", []string{"/x", "/xyz", "/%2F", "/x%2Fy", "/.", "/..", "/*", "/{b}", "/{a", "/a}", "/{a}{b}"}, []string{"", "/x/", "/x/y", "x", "*"}},
	{"{name}: not empty", "/{a}", nil, []string{"/", "//"}},
	{"{name}: not empty", "/{a}/b", []string{"/x/b"}, []string{"//b", "/b", "/", "/x/", "/x", "/x/b/", "/x/c", "/x/y/b"}},
	{"{name}: not empty", "/b/{a}", []string{"/b/x", "/b/b"}, []string{"/b", "/b/", "/b//", "/b/x/", "/x/b"}},
	{"{name}: the slash behind it is needed", "/{a}/", []string{"/x/", "/%20/"}, []string{"/x", "//", "/x/y", "/x//"}},
	{"{name}: any number of them", "/{a}/{b}", []string{"/x/y", "/x/x", "/{b}/{a}"}, []string{"/x", "/x/", "//y", "/x/y/", "/x/y/z"}},
	{"{name}: any number of them", "/a/{b}/c/{d}/e", []string{"/a/1/c/2/e"}, []string{"/a/1/c/2/", "/a/1/c/e", "/a/1/b/2/e", "/a//c/2/e", "/b/1/c/2/e"}},
	{"{name}: letters, digits, _", "/{é_1}", []string{"/x"}, []string{"/"}},

	{"{name...}: all that is left", "/{a...}", []string{"/", "/x", "/x/", "/x/y", "//", "/{b}", "/{a}/{b...}"}, []string{"", "x", "*", "a:1"}},
	{"{name...}: all that is left", "/a/{b...}", []string{"/a/", "/a/x", "/a/x/y/", "/a//", "/a/{c...}"}, []string{"/a", "/", "/ab", "/b/a/"}},
	{"{name...}: behind others", "/{a}/{b...}", []string{"/x/", "/x/y", "/x/y/z", "/{c}/y"}, []string{"/x", "/", "//", "//y"}},

	{"{name} is no {name...}", "/{a}", nil, []string{"/{a...}", "/{b...}", "/{...}"}},
	{"{name} is no {name...}", "/{a}/{b}", []string{"/{b}/{c}"}, []string{"/x/{a...}", "/{a}/{b...}"}},
	{"{name} may be what only looks like it", "/{a}", []string{"/a...}", "/{a...", "/..."}, nil},
}

// malformedRows are patterns that MatchPattern cannot read.
var malformedRows = []struct{ pattern, wrong string }{
	{"/{", "brace"}, {"/}", "brace"}, {"/{a", "brace"}, {"/a}", "brace"}, {"/}{", "brace"}, {"/{a}}", "brace"}, {"/{{a}", "brace"},
	{"/x{a}", "brace"}, {"/{a}x", "brace"}, {"/{a}{b}", "brace"}, {"/{a}-{b}", "brace"}, {"/{a/b}", "brace"}, {"/{a}/b{", "brace"},
	{"/{a...}x", "brace"}, {"/{a}...", "brace"}, {"/{a...", "brace"}, {"/x{a...}", "brace"}, {"/a/}/b", "brace"}, {"/{a}{b...}", "brace"},
	{"/{}", "name in"}, {"/{...}", "name in"}, {"/{$}", "name in"}, {"/{a b}", "name in"}, {"/{a..}", "name in"}, {"/{....}", "name in"},
	{"/{a.b}", "name in"}, {"/{a:[0-9]+}", "name in"}, {"/{a-b}", "name in"}, {"/{*}", "name in"}, {"/{a\xff}", "name in"}, {"/{a......}", "name in"},
	{"/{a}/{a}", "twice"}, {"/{a}/b/{a}/c", "twice"}, {"/{a}/{a...}", "twice"}, {"/{b}/{a}/{b}", "twice"},
	{"/{a...}/x", "follows"}, {"/{a...}/", "follows"}, {"/{a...}/{b}", "follows"}, {"/{a...}/{b...}", "follows"}, {"/{a...}/{a...}", "follows"},
}

func TestMatchWildcard(t *testing.T) {
	rows := 0
	for _, c := range wildcardRows {
		rows += checkMatch(t, MatchWildcard, c.rule, c.pattern, c.yes, c.no)
	}
	if rows < 60 {
		t.Errorf("%d rows", rows)
	}
}

func TestMatchPattern(t *testing.T) {
	for _, c := range patternRows {
		checkMatch(t, MatchPattern, c.rule, c.pattern, c.yes, c.no)
		if wrong := malformed(c.pattern); wrong != "" {
			t.Errorf("%s is malformed: %s", c.pattern, wrong)
		}
	}
}

func checkMatch(t *testing.T, match func(string, []byte) bool, rule, pattern string, yes, no []string) int {
	t.Helper()
	for _, path := range yes {
		if !match(pattern, []byte(path)) {
			t.Errorf("%s: %q does not match %q", rule, pattern, path)
		}
	}
	for _, path := range no {
		if match(pattern, []byte(path)) {
			t.Errorf("%s: %q matches %q", rule, pattern, path)
		}
	}
	return len(yes) + len(no)
}

// TestMatchMalformed: a malformed pattern does not match itself, which is how
// Handle knows it, and Handle says what is wrong. To other matchers a brace is
// an octet. A matcher with braces of its own lets them match themselves.
func TestMatchMalformed(t *testing.T) {
	literal := routed(t, Config{})
	wildcard := routed(t, Config{Match: MatchWildcard})
	own := routed(t, Config{Match: func(pattern string, path []byte) bool {
		return pattern == string(path) || MatchPattern(pattern, path)
	}})
	braces := routed(t, Config{Match: MatchPattern})
	for _, c := range malformedRows {
		if MatchPattern(c.pattern, []byte(c.pattern)) {
			t.Errorf("%q matches itself", c.pattern)
		}
		route := Route{Pattern: c.pattern, Handler: show}
		for _, r := range []*rig{literal, wildcard, own} {
			if err := r.srv.Handle(route); err != nil {
				t.Error(err)
			} else if err := r.srv.Unhandle("", c.pattern); err != nil { // it would hide the next ones
				t.Error(err)
			}
		}
		err := braces.srv.Handle(route)
		if begin := fmt.Sprintf("httpd: Route.Pattern %q: ", c.pattern); !strings.HasPrefix(errorText(err), begin) || !strings.Contains(errorText(err), c.wrong) {
			t.Errorf("%s: %v, want something with %q", c.pattern, err, c.wrong)
		}
		for _, path := range []string{"", "/", "/x", "/x/y", "/{", "}", c.pattern + "/"} {
			MatchPattern(c.pattern, []byte(path)) // whatever it says, it returns
			pathValue(c.pattern, "a", []byte(path))
		}
	}
	if n := len(braces.srv.routes.load()); n != 0 {
		t.Errorf("%d malformed routes are there", n)
	}
}

// words are all texts of up to n of the parts.
func words(n int, parts ...string) []string {
	all, longest := []string{""}, []string{""}
	for range n {
		var longer []string
		for _, w := range longest {
			for _, p := range parts {
				longer = append(longer, w+p)
			}
		}
		all, longest = append(all, longer...), longer
	}
	return all
}

// TestMatchWildcardAsRegexp: every short pattern says of every short path what
// a regular expression says that is made of the rules.
func TestMatchWildcardAsRegexp(t *testing.T) {
	paths := words(5, "/", "*", "?")
	for _, pattern := range words(5, "/", "*", "?") {
		begin, tail := pattern, ""
		for _, special := range []string{"?*", "*?", "?", "*"} {
			if cut, ok := strings.CutSuffix(pattern, special); ok {
				begin, tail = cut, special
				break
			}
		}
		if strings.Contains(tail, "?") && begin == "" {
			for _, path := range paths {
				if MatchWildcard(pattern, []byte(path)) {
					t.Fatalf("%q matches %q", pattern, path)
				}
			}
			continue
		}
		expr := regexp.QuoteMeta(begin)
		switch {
		case len(tail) == 2:
			expr = regexp.QuoteMeta(begin[:len(begin)-1]) + "(" + regexp.QuoteMeta(begin[len(begin)-1:]) + ".*)?"
		case tail == "?":
			expr = regexp.QuoteMeta(begin[:len(begin)-1]) + "(" + regexp.QuoteMeta(begin[len(begin)-1:]) + ")?"
		case tail == "*":
			expr += ".*"
		}
		same(t, MatchWildcard, pattern, regexp.MustCompile("^"+expr+"$"), paths)
	}
}

// same wants a matcher to agree with a regular expression.
func same(t *testing.T, match func(string, []byte) bool, pattern string, expr *regexp.Regexp, paths []string) {
	t.Helper()
	for _, path := range paths {
		if got, want := match(pattern, []byte(path)), expr.MatchString(path); got != want {
			t.Fatalf("%q matches %q: %v; %v says %v", pattern, path, got, expr, want)
		}
	}
}

// shortPatterns are those of up to three segments, with the expressions that
// say what they match and capture. In a word @ is a {name}, # a {name...}.
func shortPatterns() map[string]*regexp.Regexp {
	patterns := map[string]*regexp.Regexp{}
	for _, word := range words(3, "/", "/a", "/b", "/@", "/#") {
		if i := strings.IndexByte(word, '#'); word == "" || i >= 0 && i < len(word)-1 {
			continue
		}
		pattern, expr := "", "^"
		for i, c := range word {
			switch c {
			case '@':
				pattern += fmt.Sprintf("{n%d}", i)
				expr += fmt.Sprintf("(?P<n%d>[^/]+)", i)
			case '#':
				pattern += fmt.Sprintf("{n%d...}", i)
				expr += fmt.Sprintf("(?P<n%d>.*)", i)
			default:
				pattern += string(c)
				expr += string(c)
			}
		}
		patterns[pattern] = regexp.MustCompile(expr + "$")
	}
	return patterns
}

// TestMatchPatternAsRegexp: every short pattern matches what a regular
// expression does, and each name has what that captures.
func TestMatchPatternAsRegexp(t *testing.T) {
	paths := words(5, "/", "a", "b", "c")
	for pattern, expr := range shortPatterns() {
		same(t, MatchPattern, pattern, expr, paths)
		for _, path := range paths {
			captured := expr.FindStringSubmatch(path)
			for i, name := range expr.SubexpNames() {
				if captured == nil || name == "" {
					continue
				}
				if got := pathValue(pattern, name, []byte(path)); string(got) != captured[i] {
					t.Fatalf("%s of %s in %s is %q, want %q", name, path, pattern, got, captured[i])
				}
			}
		}
	}
}

// TestMatchPatternHides: a pattern matches the text of another one if, and only
// if, it matches all that the other one matches. So Handle refuses no route
// that could be reached, and takes none that could not.
func TestMatchPatternHides(t *testing.T) {
	paths := words(4, "/", "/a", "/b", "/c")
	matched := map[string][]string{}
	patterns := shortPatterns()
	for pattern := range patterns {
		for _, path := range paths {
			if MatchPattern(pattern, []byte(path)) {
				matched[pattern] = append(matched[pattern], path)
			}
		}
	}
	for earlier := range patterns {
		for later := range patterns {
			hidden := true
			for _, path := range matched[later] {
				hidden = hidden && MatchPattern(earlier, []byte(path))
			}
			if got := MatchPattern(earlier, []byte(later)); got != hidden {
				t.Errorf("%s matches %s: %v, and hides it: %v", earlier, later, got, hidden)
			}
		}
	}
}

// TestPathValue is by pattern, path and name: the octets, and the value.
func TestPathValue(t *testing.T) {
	for _, c := range []struct{ pattern, path, name, raw, value string }{
		{"/{a}", "/x", "a", "x", "x"},
		{"/{a}", "/x", "b", "", ""},
		{"/{a}", "/x", "", "", ""},
		{"/{a}", "/x", "{a}", "", ""},
		{"/{a}", "/x", "a...", "", ""},
		{"/a", "/a", "a", "", ""},
		{"/{a}", "/a+b%2Fc%20%41%c3%a9%00", "a", "a+b%2Fc%20%41%c3%a9%00", "a+b/c A\u00e9\x00"},
		{"/{a}", "/%2e%2E", "a", "%2e%2E", ".."},
		{"/{a}", "/%25%32%35", "a", "%25%32%35", "%25"},
		{"/{a}", "/" + strings.Repeat("%41", 100), "a", strings.Repeat("%41", 100), strings.Repeat("A", 100)},
		{"/{a}/{aa}/{b}", "/1/2/3", "a", "1", "1"},
		{"/{a}/{aa}/{b}", "/1/2/3", "aa", "2", "2"},
		{"/{aa}/{a}/{b}", "/1/2/3", "a", "2", "2"},
		{"/{a}/{aa}/{b}", "/1/2/3", "b", "3", "3"},
		{"/x/{a}/y/{b...}", "/x/1/y/", "a", "1", "1"},
		{"/x/{a}/y/{b...}", "/x/1/y/", "b", "", ""},
		{"/x/{a}/y/{b...}", "/x/1/y/2/3%2F/", "b", "2/3%2F/", "2/3//"},
		{"/x/{a}/y/{b...}", "/x/1/y/2/3%2F/", "b...", "", ""},
		{"/{b...}", "/", "b", "", ""},
		{"/{b...}", "//", "b", "/", "/"},
	} {
		r := routed(t, Config{Match: MatchPattern})
		view := []byte(nil)
		r.handle("", c.pattern, func(w *Response, r *Request) error {
			view = r.PathValueBytes(c.name)
			if string(view) != c.raw || cap(view) != len(view) {
				t.Errorf("%s of %s in %s is %q, want %q", c.name, c.path, c.pattern, view, c.raw)
			}
			return w.SendString(r.PathValue(c.name))
		})
		s := r.connect()
		for _, target := range []string{c.path, c.path + "?/q/z", "http://h" + c.path} {
			for _, in := range []string{get(target), chunkedTo("PUT "+target, chunks("x")+last)} {
				for _, pieces := range [][]string{{in}, strings.Split(in, "")} {
					if got := r.ask(s, pieces...); got != good(c.value) {
						t.Errorf("%s of %s in %s: got %q, want %q", c.name, target, c.pattern, got, c.value)
					}
				}
			}
		}
		r.finish()
	}
}

// TestPathValueElsewhere: under another matcher a pattern is taken as it is,
// and nothing goes wrong.
func TestPathValueElsewhere(t *testing.T) {
	r := routed(t, Config{Match: func(string, []byte) bool { return true }})
	r.handle("PUT", "/{a}/x/{b}", func(w *Response, r *Request) error {
		return w.SendString(r.PathValue("a") + "|" + r.PathValue("b"))
	})
	s := r.connect()
	for path, want := range map[string]string{
		"/": "|", "/1": "1|", "/1/x": "1|", "/1/x/": "1|", "/1/y/2": "1|2", "//x/2": "|", "/1/x/2/3": "1|2", "/1234567": "1234567|",
	} {
		if got := r.ask(s, req("PUT "+path)); got != good(want) {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	r.finish()
}

func ExampleMatchWildcard() {
	for _, path := range []string{"/files", "/files/", "/files/a/b", "/filesystem"} {
		fmt.Println(path, MatchWildcard("/files/?*", []byte(path)))
	}
	// Output:
	// /files true
	// /files/ true
	// /files/a/b true
	// /filesystem false
}

func ExampleMatchPattern() {
	for _, path := range []string{"/things/7", "/things/7/", "/things/7/parts/a/b"} {
		one, all := MatchPattern("/things/{id}", []byte(path)), MatchPattern("/things/{id}/parts/{path...}", []byte(path))
		fmt.Println(path, one, all)
	}
	// Output:
	// /things/7 true false
	// /things/7/ false false
	// /things/7/parts/a/b false true
}
