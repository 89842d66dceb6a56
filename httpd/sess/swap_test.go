package sess

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSwap: what SetCtx would free at once is the caller's to free, and nothing
// else: the committed context waits for Commit.
func TestSwap(t0 *testing.T) {
	type step struct {
		set   *box
		old   *box // what the caller is given
		frees bool // with a function
	}
	for _, c := range []struct {
		name    string
		first   *box // the committed one
		request bool
		steps   []step
		commit  []string // freed by Commit
		done    []string // and at the end
	}{
		{"the first", nil, true, []step{{a, nil, false}}, nil, []string{"A"}},
		{"the first, outside", nil, false, []step{{a, nil, false}}, nil, []string{"A"}},
		{"outside of a request", a, false, []step{{b, a, true}, {c, b, true}, {nil, c, true}}, nil, nil},
		{"the committed one", a, true, []step{{b, nil, false}}, []string{"A"}, []string{"B"}},
		{"those in between", a, true, []step{{b, nil, false}, {c, b, true}, {nil, c, true}}, []string{"A"}, nil},
		{"by none", a, true, []step{{nil, nil, false}, {b, nil, false}}, []string{"A"}, []string{"B"}},
		{"and back", a, true, []step{{b, nil, false}, {a, b, true}}, nil, []string{"A"}},
		{"back, and again", a, true, []step{{b, nil, false}, {a, b, true}, {c, nil, false}}, []string{"A"}, []string{"C"}},
		{"by itself", a, true, []step{{a, nil, false}, {a, nil, false}}, nil, []string{"A"}},
	} {
		t := newCtxTest(t0)
		t.s.SetCtx(value(c.first), t.free)
		if c.request {
			t.s.Begin()
		}
		for i, st := range c.steps {
			old, free, taken := t.s.Swap(value(st.set), t.free)
			if old != value(st.old) || (free != nil) != st.frees || !taken || len(t.freed) != 0 {
				t.Errorf("%s, step %d: old %v with a function %v, taken %v, freed %q", c.name, i, old, free != nil, taken, t.freed)
			}
		}
		last := value(c.steps[len(c.steps)-1].set)
		t.s.Commit()
		t.check(last, c.commit...)
		t.done(c.done...)
	}
}

// value is b as a context: no box is none.
func value(b *box) any {
	if b == nil {
		return nil
	}
	return b
}

// TestSwapFunctions: the old context comes with its own function, and a function
// without a context is dropped.
func TestSwapFunctions(t0 *testing.T) {
	t := newCtxTest(t0)
	t.s.SetCtx(a, t.free2)
	old, free, _ := t.s.Swap(b, nil)
	free(old)
	t.check(b, "A by 2")
	if old, free, taken := t.s.Swap(nil, t.free); old != any(b) || free != nil || !taken {
		t.Errorf("a context without a function: %v, with one %v, taken %v", old, free != nil, taken)
	}
	if old, free, taken := t.s.Swap(c, t.free); old != nil || free != nil || !taken {
		t.Errorf("after none: %v, with a function %v, taken %v", old, free != nil, taken)
	}
	t.s.Swap(c, t.free2) // the same: only the function is another
	t.done("C by 2")
}

// TestSwapRefused: like SetCtx it takes nothing while a free function runs, nor
// after Release, and gives nothing away then.
func TestSwapRefused(t0 *testing.T) {
	t := newCtxTest(t0)
	refused := func(when string) {
		if old, free, taken := t.s.Swap(b, t.free); old != nil || free != nil || taken {
			t.Errorf("%s: %v, with a function %v, taken %v", when, old, free != nil, taken)
		}
	}
	t.s.SetCtx(a, func(ctx any) { t.free(ctx); refused("in a free function") })
	t.s.SetCtx(c, t.free)
	t.check(c, "A")
	t.s.Release()
	t.check(nil, "C")
	refused("after Release")
	t.table.End(t.s)
	refused("after End")
	t.check(nil)
}

// TestSwapIsSetCtx plays the same programs on two sessions: one frees, of the
// other the caller does. What is freed, and when, is the same.
func TestSwapIsSetCtx(t0 *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		x, y := newCtxTest(t0), newCtxTest(t0)
		for range 12 {
			switch ctx := []*box{nil, a, b, c}[rng.IntN(4)]; rng.IntN(6) {
			case 0:
				x.s.Begin()
				y.s.Begin()
			case 1:
				x.s.Commit()
				y.s.Commit()
			case 2:
				x.s.TakeCtx()
				y.s.TakeCtx()
			default:
				x.s.SetCtx(value(ctx), x.free)
				if old, free, _ := y.s.Swap(value(ctx), y.free); free != nil {
					free(old)
				}
			}
			if x.s.Ctx() != y.s.Ctx() || !slices.Equal(x.freed, y.freed) {
				t0.Fatalf("SetCtx: %v, freed %q; Swap: %v, freed %q", x.s.Ctx(), x.freed, y.s.Ctx(), y.freed)
			}
		}
		x.s.Release()
		y.s.Release()
		if !slices.Equal(x.freed, y.freed) {
			t0.Fatalf("SetCtx freed %q, Swap %q", x.freed, y.freed)
		}
	}
}
