package sess

// held is a context that has been replaced but not yet freed.
type held struct {
	ctx  any
	free func(any)
}

// Begin opens a request: until Commit, the context that s has now is only put aside
// when it is replaced. Begin does nothing if a request is open already.
func (s *Session) Begin() {
	if s.phase == resting {
		s.phase = serving
	}
}

// Commit closes the request. The context s had at Begin is freed if s now has
// another one, or none. The engine calls Commit when the handler has returned and
// the content is consumed; it is the clean-up of a request in ESP-IDF. Commit does
// nothing if no request is open.
func (s *Session) Commit() {
	if s.phase == serving || s.phase == changed {
		s.phase = resting
		s.freeReplaced()
	}
}

// Release frees the contexts of s, a replaced one first, and leaves s without one
// for good. It comes after the socket is closed and before End. Releasing s again
// does nothing.
func (s *Session) Release() {
	if s.phase == vacant || s.phase == released {
		return
	}
	s.phase = released
	defer func() { s.call(s.TakeCtx()) }() // also if the free function before it panics
	s.freeReplaced()
}

// Ctx returns the context of s, or nil. Inside a request it is the one set last,
// committed or not. It is ESP-IDF's httpd_sess_get_ctx.
func (s *Session) Ctx() any { return s.ctx }

// Ctx returns the context of s as a T, and whether it is one.
func Ctx[T any](s *Session) (v T, ok bool) {
	v, ok = s.ctx.(T)
	return v, ok
}

// SetCtx makes ctx the context of s, to be freed by free, once, when s no longer
// needs it. A nil free is for a context that needs no freeing; a nil ctx is no
// context, and its free is never called. It is ESP-IDF's httpd_sess_set_ctx.
//
// The context before it is freed at once, with one exception: the one that s had
// when the open request began is freed by Commit, and not at all if it is set again
// before that.
//
// Setting the context that s already has frees nothing: free takes the place of its
// old free function. It is the same context if the two compare equal with ==. Values
// that cannot be compared, as slices and maps, always count as different, and equal
// numbers or strings as the same; a pointer is the safe choice.
//
// SetCtx reports whether s took ctx. It does not once s was released, nor while a
// free function of s runs: if each could leave another context to free, there might
// be no end of them. What was not taken is still the caller's.
func (s *Session) SetCtx(ctx any, free func(any)) bool {
	old, freeOld, taken := s.Swap(ctx, free)
	s.call(old, freeOld)
	return taken
}

// Swap is SetCtx for a caller that frees: it returns the context that is to be freed
// at once with its free function, which is nil if there is nothing to do.
func (s *Session) Swap(ctx any, free func(any)) (old any, freeOld func(any), taken bool) {
	if s.freeing || s.phase == vacant || s.phase == released {
		return nil, nil, false
	}
	if ctx == nil {
		free = nil
	}
	if Same(ctx, s.ctx) {
		s.free = free
		return nil, nil, true
	}
	old, freeOld = s.ctx, s.free
	s.ctx, s.free = ctx, free
	switch {
	case s.phase == serving:
		s.phase = changed
		if old != nil {
			s.replaced = &held{old, freeOld}
		}
		return nil, nil, true
	case s.replaced != nil && Same(ctx, s.replaced.ctx):
		s.replaced, s.phase = nil, serving // the committed one is back
	}
	return old, freeOld, true
}

// TakeCtx takes the context away from s, which will not free it, and returns it with
// its free function: both are the caller's. A context that the open request replaced
// earlier is not affected. It stands for ESP-IDF's ignore_sess_ctx_changes, but holds
// for this context only and not for all that follow.
func (s *Session) TakeCtx() (ctx any, free func(any)) {
	ctx, free = s.ctx, s.free
	s.ctx, s.free = nil, nil
	return ctx, free
}

// Leave takes the contexts away from s, which is released by that, and returns them
// in a session of their own: it has the name of s, no descriptor and no place in
// any Table, and its Release frees them. It is for a connection that goes on
// elsewhere, and keeps what was moored to it.
func (s *Session) Leave() *Session {
	own := &Session{ctx: s.ctx, free: s.free, replaced: s.replaced, fd: -1, slot: s.slot, gen: s.gen, class: none, phase: s.phase}
	s.ctx, s.free, s.replaced, s.phase = nil, nil, nil, released
	return own
}

// freeReplaced frees the context that the request put aside, if it did.
func (s *Session) freeReplaced() {
	if r := s.replaced; r != nil {
		s.replaced = nil
		s.call(r.ctx, r.free)
	}
}

// call calls free for ctx. By then s must not refer to ctx any more: free may look
// at s, and may panic, and must not run twice.
func (s *Session) call(ctx any, free func(any)) {
	if free == nil {
		return
	}
	outer := s.freeing
	s.freeing = true
	defer func() { s.freeing = outer }()
	free(ctx)
}

// Same reports whether a and b are one context. Comparing panics where both hold a
// slice, a map or the like, however deep inside, and that is the only way to ask
// without cost whether it would: such contexts are never the same.
func Same(a, b any) (yes bool) {
	defer func() { _ = recover() }()
	return a == b
}
