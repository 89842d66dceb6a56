package sess

import (
	"fmt"
	"slices"
	"testing"
)

// A box is a context with a name. It is not of size zero: pointers to different
// variables of size zero may be equal.
type box struct{ name string }

var a, b, c = &box{"A"}, &box{"B"}, &box{"C"}

func (b *box) String() string { return b.name }

// A ctxTest is one session whose free functions write down what they free.
type ctxTest struct {
	*testing.T
	table *Table
	s     *Session
	freed []string
}

func newCtxTest(t *testing.T) *ctxTest {
	table := NewTable(1, 1)
	return &ctxTest{T: t, table: table, s: mustOpen(t, table, 5)}
}

func (t *ctxTest) free(ctx any)  { t.freed = append(t.freed, fmt.Sprint(ctx)) }
func (t *ctxTest) free2(ctx any) { t.freed = append(t.freed, fmt.Sprint(ctx, " by 2")) }

// check wants the context to be ctx and these to have been freed since the last check.
func (t *ctxTest) check(ctx any, freed ...string) {
	t.Helper()
	if t.s.Ctx() != ctx {
		t.Errorf("Ctx() = %v, want %v", t.s.Ctx(), ctx)
	}
	if !slices.Equal(t.freed, freed) {
		t.Errorf("freed %q, want %q", t.freed, freed)
	}
	t.freed = nil
}

// done ends the session and wants these to be freed by that.
func (t *ctxTest) done(freed ...string) {
	t.Helper()
	t.s.Release()
	t.check(nil, freed...)
	t.s.Release()
	t.s.Commit()
	t.table.End(t.s)
	t.check(nil)
}

// The rules of ESP-IDF, in the order of its table.

func TestCtxUnchanged(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.Begin()
	t.s.Commit()
	t.check(nil)
	t.s.SetCtx(a, t.free)
	for range 3 {
		t.s.Begin()
		t.check(a)
		t.s.Commit()
	}
	t.check(a)
	t.done("A")
}

func TestCtxSetFirstTime(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.Begin()
	t.s.SetCtx(a, t.free)
	t.check(a) // seen at once
	t.s.Commit()
	t.check(a)
	t.done("A")
}

func TestCtxReplacedIsFreedAtCommit(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.SetCtx(a, t.free)
	t.s.Begin()
	t.s.SetCtx(b, t.free2)
	t.check(b)
	t.s.Commit()
	t.check(b, "A") // by its own free function
	t.s.Commit()
	t.check(b)
	t.done("B by 2")
}

func TestCtxSetToNilIsFreedAtCommit(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.SetCtx(a, t.free)
	t.s.Begin()
	t.s.SetCtx(nil, t.free2) // a free function without a context is dropped
	t.check(nil)
	t.s.Commit()
	t.check(nil, "A")
	t.s.SetCtx(b, nil)
	t.done()
}

func TestCtxTakenIsNotFreed(t0 *testing.T) { // ignore_sess_ctx_changes
	t := newCtxTest(t0)
	t.s.SetCtx(a, t.free)
	t.s.Begin()
	ctx, free := t.s.TakeCtx()
	if ctx != any(a) || free == nil {
		t.Errorf("TakeCtx() = %v", ctx)
	}
	t.check(nil)
	t.s.SetCtx(b, t.free)
	t.s.Commit()
	t.check(b)
	t.s.Begin() // and it does not stick
	t.s.SetCtx(c, t.free)
	t.s.Commit()
	t.check(c, "B")
	t.done("C")
	free(ctx)
	t.check(nil, "A")
}

func TestCtxTakenAndGivenBack(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.SetCtx(a, t.free)
	t.s.Begin()
	t.s.SetCtx(t.s.TakeCtx())
	t.s.Commit()
	t.check(a)
	t.done("A")
}

func TestCtxTakenLeavesTheReplacedOne(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.SetCtx(a, t.free)
	t.s.Begin()
	t.s.SetCtx(b, t.free)
	t.s.TakeCtx()
	t.check(nil)
	t.s.Commit()
	t.check(nil, "A")
	t.done()
}

func TestCtxOnlyFreeChanged(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.SetCtx(a, t.free)
	t.s.Begin()
	t.s.SetCtx(a, t.free2)
	t.s.Commit()
	t.check(a)
	t.done("A by 2")
}

func TestCtxHandlerFails(t0 *testing.T) { // no Commit comes between the handler and the close
	t := newCtxTest(t0)
	t.s.SetCtx(a, t.free)
	t.s.Begin()
	t.s.SetCtx(b, t.free)
	t.done("A", "B")
}

func TestCtxFreedOnceAtClose(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.SetCtx(a, t.free)
	t.done("A")
	t.s = mustOpen(t.T, t.table, 6) // the slot's next session has none
	t.check(nil)
	t.done()
}

// The cases in between.

func TestCtxIntermediateIsFreedAtOnce(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.SetCtx(a, t.free)
	t.s.Begin()
	t.s.SetCtx(b, t.free)
	t.check(b)
	t.s.SetCtx(c, t.free)
	t.check(c, "B")
	t.s.SetCtx(nil, nil)
	t.check(nil, "C")
	t.s.Commit()
	t.check(nil, "A")
	t.done()
}

func TestCtxIntermediateWithNoneCommitted(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.Begin()
	t.s.SetCtx(a, t.free)
	t.s.SetCtx(b, t.free)
	t.check(b, "A")
	t.s.Commit()
	t.check(b)
	t.done("B")
}

func TestCtxSetBackIsNotFreed(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.SetCtx(a, t.free)
	t.s.Begin()
	t.s.SetCtx(b, t.free)
	t.s.SetCtx(a, t.free2)
	t.check(a, "B")
	t.s.SetCtx(c, t.free) // and it counts as committed again
	t.check(c)
	t.s.Commit()
	t.check(c, "A by 2")
	t.done("C")
}

func TestCtxReplacedOutsideARequest(t0 *testing.T) { // by a work item
	t := newCtxTest(t0)
	t.s.SetCtx(a, t.free)
	t.s.SetCtx(b, t.free)
	t.check(b, "A")
	t.s.Begin()
	t.s.Commit()
	t.s.SetCtx(nil, nil)
	t.check(nil, "B")
	t.done()
}

func TestBeginTwice(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.SetCtx(a, t.free)
	t.s.Begin()
	t.s.SetCtx(b, t.free)
	t.s.Begin() // still the same request: b is not committed
	t.s.SetCtx(c, t.free)
	t.check(c, "B")
	t.s.Commit()
	t.check(c, "A")
	t.done("C")
}

func TestCtxWithoutFree(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.SetCtx(a, nil)
	t.s.Begin()
	t.s.SetCtx(b, nil)
	t.s.SetCtx(c, nil)
	t.s.Commit()
	t.check(c)
	t.done()
}

func TestCtxIdentity(t0 *testing.T) {
	x, y := 1, 1
	for _, c := range []struct {
		name string
		a, b any
		same bool
	}{
		{"a pointer", &x, &x, true},
		{"two pointers to equal values", &x, &y, false},
		{"equal numbers", 1, 1, true},
		{"numbers of two types", 1, int64(1), false},
		{"nil pointers", (*int)(nil), (*int)(nil), true},
		{"a nil pointer and none", (*int)(nil), nil, false},
		{"slices", []int{1}, []int{1}, false},
		{"maps", map[int]int{}, map[int]int{}, false},
		{"functions", func() {}, func() {}, false},
		{"a struct with a slice inside an interface", struct{ v any }{[]int{}}, struct{ v any }{[]int{}}, false},
		{"an array of interfaces", [2]any{1, []int{}}, [2]any{1, []int{}}, false},
		{"a struct where one is comparable", struct{ v any }{1}, struct{ v any }{[]int{}}, false},
	} {
		t := newCtxTest(t0)
		n := 0
		t.s.SetCtx(c.a, func(any) { n++ })
		t.s.SetCtx(c.b, t.free2)
		if freed := n == 1; freed == c.same || n > 1 {
			t.Errorf("%s: freed %d times, same is %v", c.name, n, c.same)
		}
		t.s.Release()
		if len(t.freed) == 1 != (c.b != nil) {
			t.Errorf("%s: freed %q", c.name, t.freed)
		}
	}
}

func TestCtxOfType(t0 *testing.T) {
	t := newCtxTest(t0)
	if v, ok := Ctx[*box](t.s); v != nil || ok {
		t.Errorf("with no context: %v, %v", v, ok)
	}
	t.s.SetCtx(a, nil)
	if v, ok := Ctx[*box](t.s); v != a || !ok {
		t.Errorf("with a *box: %v, %v", v, ok)
	}
	if v, ok := Ctx[int](t.s); v != 0 || ok {
		t.Errorf("as an int: %v, %v", v, ok)
	}
	if v, ok := Ctx[fmt.Stringer](t.s); v != fmt.Stringer(a) || !ok {
		t.Errorf("as an interface: %v, %v", v, ok)
	}
}

// Free functions that use the session they are called for.

// TestFreeSeesTheSessionWithoutIt: whatever a free function does, it finds the next
// state of the session and not its own context.
func TestFreeSeesTheSessionWithoutIt(t0 *testing.T) {
	t := newCtxTest(t0)
	seen := func(ctx any) { t.freed = append(t.freed, fmt.Sprint(ctx, " with ", t.s.Ctx())) }
	t.s.SetCtx(a, seen)
	t.s.SetCtx(b, seen)
	t.check(b, "A with B")
	t.s.Begin()
	t.s.SetCtx(c, seen)
	t.s.Commit()
	t.check(c, "B with C")
	t.done("C with <nil>")
}

func TestFreeCannotSetAContext(t0 *testing.T) {
	for _, what := range []string{"replace", "intermediate", "commit", "release"} {
		t := newCtxTest(t0)
		var set func(any)
		set = func(ctx any) {
			t.free(ctx)
			if t.s.SetCtx(&box{"new"}, set) || t.s.SetCtx(ctx, set) {
				t.Errorf("%s: a free function has set a context", what)
			}
		}
		if what == "intermediate" {
			t.s.Begin()
		}
		t.s.SetCtx(a, set)
		if what == "commit" {
			t.s.Begin()
		}
		if what != "release" {
			t.s.SetCtx(nil, nil)
		}
		if what == "commit" {
			t.s.Commit()
		}
		if what != "release" {
			t.check(nil, "A")
			t.s.SetCtx(b, set) // now it is taken again
			t.done("B")
			continue
		}
		t.done("A")
	}
}

func TestFreeTakesTheCurrentContext(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.SetCtx(a, func(ctx any) {
		t.free(ctx)
		t.s.TakeCtx()
	})
	t.s.Begin()
	t.s.SetCtx(b, t.free)
	t.done("A") // b belongs to a's free function now
}

func TestFreeReleases(t0 *testing.T) {
	t := newCtxTest(t0)
	release := func(ctx any) {
		t.free(ctx)
		t.s.Release()
		if t.s.SetCtx(c, t.free) {
			t.Error("a released session has taken a context")
		}
	}
	t.s.SetCtx(a, release)
	t.s.Begin()
	t.s.SetCtx(b, release)
	if !t.s.SetCtx(c, release) { // frees b, which releases, which frees a and c
		t.Error("the context was not taken")
	}
	t.check(nil, "B", "A", "C")
	t.done()
}

func TestFreeOpensAndCommitsARequest(t0 *testing.T) {
	t := newCtxTest(t0)
	nested := func(ctx any) {
		t.free(ctx)
		t.s.Commit()
		t.s.Begin()
		t.s.Commit()
		if t.s.SetCtx(&box{"new"}, nil) { // though the free function inside has returned
			t.Error("a free function has set a context")
		}
	}
	t.s.SetCtx(a, nested)
	t.s.Begin()
	t.s.SetCtx(b, nested)
	t.s.SetCtx(c, nested)
	t.check(c, "B", "A")
	t.done("C")
}

func TestFreePanics(t0 *testing.T) {
	t := newCtxTest(t0)
	fail := func(ctx any) { t.free(ctx); panic("free") }
	t.s.SetCtx(a, fail)
	t.s.Begin()
	t.s.SetCtx(b, t.free)
	if !panics(t.s.Commit) {
		t.Error("a panic is swallowed")
	}
	t.check(b, "A")
	if !t.s.SetCtx(c, fail) {
		t.Error("a session whose free function panicked takes no context any more")
	}
	t.check(c, "B")
	t.s.Begin()
	t.s.SetCtx(b, t.free)
	if !panics(t.s.Release) {
		t.Error("a panic is swallowed")
	}
	t.check(nil, "C", "B") // both, in spite of it
	t.done()
}

func TestReleasedTakesNoContext(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.Release()
	if t.s.SetCtx(a, t.free) {
		t.Error("a released session has taken a context")
	}
	t.s.Begin()
	if t.s.SetCtx(a, t.free) {
		t.Error("a released session has begun a request")
	}
	t.done()
	if t.s.SetCtx(a, t.free) {
		t.Error("an ended session has taken a context")
	}
	t.check(nil)
}
