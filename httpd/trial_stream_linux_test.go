package httpd_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
)

var streamed = flag.Int("streamed", 128, "MiB that go each way in the trial of streams")

const (
	streamPiece  = 64 << 10         // read or written at a time
	streamPause  = time.Millisecond // of who is slow, from one piece to the next
	mostStreamed = 24               // MiB of RSS that streams may cost
	cutStreams   = 40               // that are cut off midway
	sleepers     = 1000             // sessions in handlers that sleep
	sleepFor     = 2 * time.Second  // each of them
	slept        = time.Second      // that is measured meanwhile
	mostAsleep   = 5                // times the undisturbed p99, in the best of the rounds
	sleepRounds  = 2
)

// streams are the routes of the trial.
func (h *host) streams() []httpd.Route {
	return []httpd.Route{
		{Method: "POST", Pattern: "/digest", Blocking: true, Handler: h.digest},
		{Method: "GET", Pattern: "/pour", Blocking: true, Handler: h.pour},
		{Method: "GET", Pattern: "/sleep", Blocking: true, Handler: h.sleep},
	}
}

// digest reads slowly, and answers with what it has read. With fail it gives up
// at that MiB.
func (h *host) digest(w *httpd.Response, r *httpd.Request) error {
	h.add(r.Session(), 1)
	sum, n, fails := sha256.New(), 0, queryNumber(r, "fail")<<20
	p := make([]byte, streamPiece)
	for {
		k, err := r.Read(p)
		sum.Write(p[:k])
		if n += k; fails > 0 && n > fails {
			return errFate
		}
		if err == io.EOF {
			return w.SendString(digested(n, sum))
		}
		if err != nil {
			return err
		}
		time.Sleep(streamPause * time.Duration(k) / streamPiece) // sleep: it is slow
	}
}

func digested(n int, sum hash.Hash) string {
	return fmt.Sprint(n, " ", hex.EncodeToString(sum.Sum(nil)))
}

// pour writes so many MiB, as fast as they are taken. With fail it gives up there.
func (h *host) pour(w *httpd.Response, r *httpd.Request) error {
	h.add(r.Session(), 1)
	from, p := noise(), make([]byte, streamPiece)
	for n := 0; n < queryNumber(r, "n")<<20; n += len(p) {
		if fails := queryNumber(r, "fail") << 20; fails > 0 && n > fails {
			return errFate
		}
		from.Read(p)
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// noise is the content of every stream.
func noise() io.Reader { return rand.NewChaCha8([32]byte{1}) }

func (h *host) sleep(w *httpd.Response, r *httpd.Request) error {
	h.add(r.Session(), 1)
	wait := time.NewTimer(sleepFor)
	defer wait.Stop()
	select {
	case <-wait.C:
		return w.SendString("awake")
	case <-r.Context().Done():
		return r.Context().Err()
	}
}

// streams: a long content goes through a handler that blocks, octet for octet, at
// the pace of the slower side and in little memory; a side that is gone midway
// leaves nothing behind; and handlers that wait do not hold up those that do not.
func streams(a *arena) {
	before, wrong := a.status("VmRSS"), faults{}
	began := time.Now()
	both(a, &wrong, a.upload, a.download)
	took := time.Since(began)
	grown := a.status("VmHWM") - before
	a.settled(0)
	a.Logf("streams: %d MiB each way in %v, one side slow; RSS %d MiB and %d more at most", *streamed, took.Round(time.Millisecond), before, grown)
	if grown > mostStreamed {
		a.Errorf("the streams cost %d MiB of RSS, at most %d", grown, mostStreamed)
	}

	var all []func() error
	for i := range cutStreams {
		all = append(all, func() error { return a.cutOff(i) })
	}
	both(a, &wrong, all...)
	a.settled(0)
	wrong.tell(a)
	a.asleep()
}

// both does all of these at once.
func both(a *arena, wrong *faults, all ...func() error) {
	a.Helper()
	var group sync.WaitGroup
	for _, do := range all {
		group.Go(func() {
			if err := do(); err != nil {
				wrong.add("a stream", err)
			}
		})
	}
	group.Wait()
}

// upload sends a content in chunks, as fast as it is taken.
func (a *arena) upload() error {
	c, err := a.call()
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Minute))
	sum := sha256.New()
	if err := c.sendChunks("/digest", io.TeeReader(io.LimitReader(noise(), int64(*streamed)<<20), sum)); err != nil {
		return err
	}
	if err := c.write("0\r\n\r\n"); err != nil {
		return err
	}
	return c.want("POST", 200, digested(*streamed<<20, sum))
}

func (c *caller) sendChunks(path string, from io.Reader) error {
	if err := c.write("POST " + path + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		return err
	}
	p := make([]byte, streamPiece)
	for {
		n, err := io.ReadFull(from, p)
		if n > 0 {
			if err := c.write(fmt.Sprintf("%x\r\n%s\r\n", n, p[:n])); err != nil {
				return err
			}
		}
		if err != nil {
			return nil // that was all
		}
	}
}

// download reads a content slowly.
func (a *arena) download() error {
	c, err := a.call(narrow)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Minute))
	if err := c.write(get(fmt.Sprintf("/pour?n=%d", *streamed))); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return err
	}
	got, want := sha256.New(), sha256.New()
	n, err := io.CopyBuffer(got, onlyReader{&sips{from: resp.Body, n: streamPiece, pause: streamPause}}, make([]byte, streamPiece))
	if err != nil {
		return err
	}
	io.CopyN(want, noise(), int64(*streamed)<<20)
	if n != int64(*streamed)<<20 || string(got.Sum(nil)) != string(want.Sum(nil)) {
		return fmt.Errorf("%d octets came, and they are not those that were sent", n)
	}
	return nil
}

type onlyReader struct{ io.Reader }

// cutOff is the i'th stream that does not come to its end: one of the sides gives
// up.
func (a *arena) cutOff(i int) error {
	c, err := a.call()
	if err != nil {
		return err
	}
	defer c.reset()
	switch i % 5 {
	case 0: // the client, amid an upload
		err = c.sendChunks("/digest", io.LimitReader(noise(), int64(i+1)<<17))
	case 1: // amid a download
		err = c.write(get("/pour?n=1000"))
		if err == nil {
			_, err = io.CopyN(io.Discard, c.r, int64(i+1)<<17)
		}
	case 2: // in order
		err = errors.Join(c.sendChunks("/digest", io.LimitReader(noise(), int64(i+1)<<17)), c.CloseWrite())
		io.Copy(io.Discard, c.r)
	case 3: // the handler, amid an upload
		if c.sendChunks("/digest?fail=1", io.LimitReader(noise(), 64<<20)) == nil {
			err = errors.New("the server took all of a content that it does not want")
		}
	case 4: // amid a download
		if err = c.write(get("/pour?n=3&fail=1")); err == nil {
			if e := c.want("GET", 200, ""); e == nil || !strings.Contains(e.Error(), "half an answer") {
				err = fmt.Errorf("behind a handler that gives up: %v", e)
			}
		}
	}
	return err
}

// asleep measures others while many handlers sleep.
func (a *arena) asleep() {
	a.Helper()
	text, best := "", 0.0
	for i := range sleepRounds {
		wait := func() {
			time.Sleep(slept) // sleep: the time is what is measured
		}
		alone := a.measure(wait)
		has := &crowd{}
		for range sleepers {
			c, err := a.call()
			if err == nil {
				err = c.write(get("/sleep"))
			}
			if err != nil {
				a.Fatal(err)
			}
			has.callers = append(has.callers, c)
		}
		rig.Eventually(a, "all of them are in their handler", func() bool { return a.look("look").Detached == sleepers })
		with := a.measure(wait)
		for _, c := range has.callers {
			if err := c.want("GET", 200, "awake"); err != nil {
				a.Fatal(err)
			}
		}
		has.leave()
		ratio := float64(with.p99()) / float64(alone.p99())
		if i == 0 || ratio < best {
			best = ratio
		}
		text += fmt.Sprintf(" %v->%v (%.1f)", brief(alone.p99()), brief(with.p99()), ratio)
	}
	a.settled(0)
	a.Logf("sleepers: with %d sessions in handlers that sleep the p99 of others goes%s; at most %d MiB of RSS", sleepers, text, a.status("VmHWM"))
	if best > mostAsleep {
		a.Errorf("in the best round it is %.1f times the undisturbed one, at most %d", best, mostAsleep)
	}
}
