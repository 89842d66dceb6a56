package httpd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"moor.example/httpd/sess"
)

const (
	maxEvents = 256       // events taken by one Wait
	maxSend   = 256 << 10 // octets given to one send: a raw call holds up the scheduler
)

// epoll is the kernel as Linux has it: an epoll instance, an eventfd that
// interrupts its wait, and sockets.
type epoll struct {
	epfd, wakefd int
	keepAlive    KeepAlive
	ifname       string // of the interface to listen on; empty: all
	start        time.Time
	park         park
	poll         func(uintptr) bool // polled, as a value that is there already
	ready        int                // events of the last poll
	errno        unix.Errno         // of the last poll
	events       [maxEvents]unix.EpollEvent
}

func newKernel(cfg *Config) (kernel, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	k := &epoll{epfd: epfd, start: time.Now(), keepAlive: cfg.KeepAlive, ifname: cfg.Interface}
	k.poll = k.polled
	unix.SetNonblock(epfd, true) // so that Go's poller takes it
	if k.park, err = newPark(epfd, k.start); err != nil {
		return nil, err
	}
	if k.wakefd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		k.park.end()
		return nil, os.NewSyscallError("eventfd", err)
	}
	// Edge-triggered: each write is one event, and nobody needs to read it.
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: nameWake.Slot, Pad: nameWake.Gen}
	if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, k.wakefd, &ev); err != nil {
		k.End()
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return k, nil
}

// descriptorLimit is how many descriptors the process may have open.
func descriptorLimit() int {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 1024 // what every system allows
	}
	return int(min(lim.Cur, 1<<30))
}

func (k *epoll) Now() time.Duration { return time.Since(k.start) }
func (k *epoll) Wall() time.Time    { return time.Now() }

// Wait polls first, with a raw call, which is cheap and holds nothing up.
func (k *epoll) Wait(timeout time.Duration) (n int, err error) {
	k.ready, k.errno = 0, 0
	if timeout == 0 {
		k.polled(0)
	} else if err = k.park.until(timeout, k.poll); err != nil {
		return 0, err
	}
	return waited(k.ready, k.errno)
}

// waited turns the result of epoll_wait into Wait's: a signal is no event.
func waited(n int, errno unix.Errno) (int, error) {
	switch errno {
	case 0:
		return n, nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, os.NewSyscallError("epoll_wait", errno)
}

// polled reports whether there is something to return from Wait for.
func (k *epoll) polled(uintptr) bool {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(k.epfd),
		uintptr(unsafe.Pointer(&k.events[0])), maxEvents, 0, 0, 0)
	if k.errno = errno; errno == 0 {
		k.ready = int(n)
	}
	return k.ready > 0 || errno != 0
}

// Event reports an error or a hang-up as readiness for both directions: the
// call that follows says which of them it was.
func (k *epoll) Event(i int) (sess.Name, interest) {
	ev := &k.events[i]
	var ready interest
	if ev.Events&unix.EPOLLIN != 0 {
		ready |= wantRead
	}
	if ev.Events&unix.EPOLLOUT != 0 {
		ready |= wantWrite
	}
	if ev.Events&unix.EPOLLRDHUP != 0 {
		ready |= wantHangup
	}
	if ev.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		ready |= wantRead | wantWrite | wantHangup
	}
	return sess.Name{Slot: ev.Fd, Gen: ev.Pad}, ready
}

// Wake adds 1 to the eventfd. That fails when its counter is full, which is
// after 2^64-2 of them: nobody reads it.
func (k *epoll) Wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(k.wakefd, one[:])
}

func (k *epoll) Watch(fd int, name sess.Name, had, want interest) error {
	ev := unix.EpollEvent{Fd: name.Slot, Pad: name.Gen}
	if want&wantRead != 0 {
		ev.Events |= unix.EPOLLIN
	}
	if want&wantWrite != 0 {
		ev.Events |= unix.EPOLLOUT
	}
	if want&wantHangup != 0 { // level-triggered it would never end
		ev.Events |= unix.EPOLLRDHUP | unix.EPOLLONESHOT
	}
	op := uintptr(unix.EPOLL_CTL_MOD)
	if had == 0 {
		op = unix.EPOLL_CTL_ADD
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(k.epfd), op, uintptr(fd),
		uintptr(unsafe.Pointer(&ev)), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	return nil
}

func (k *epoll) Unwatch(fd int) {
	unix.EpollCtl(k.epfd, unix.EPOLL_CTL_DEL, fd, nil)
}

func (k *epoll) Accept(listenfd int) (fd int, o outcome, err error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listenfd), 0, 0,
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, notAccepted(errno), errno
	}
	return int(n), ok, nil
}

// notAccepted sorts the errors of accept.
func notAccepted(errno unix.Errno) outcome {
	switch errno {
	case unix.EAGAIN, unix.EINTR:
		return again
	case unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS:
		return scarce
	case unix.EBADF, unix.EINVAL, unix.ENOTSOCK, unix.EOPNOTSUPP, unix.EFAULT:
		return broken
	}
	return closed // the connection ended before it was taken
}

func (k *epoll) Adopt(fd int) error {
	if err := unix.SetNonblock(fd, true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	unix.CloseOnExec(fd)
	k.setOptions(fd)
	return nil
}

// setOptions turns Nagle's algorithm off, since the engine sends each batch at
// once, and keep-alive on. An accepted socket has its options from the listening
// one. A socket that is not TCP has nothing of the kind, and refuses them.
func (k *epoll) setOptions(fd int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if k.keepAlive.Idle < 0 {
		return
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds(k.keepAlive.Idle))
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds(k.keepAlive.Interval))
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, k.keepAlive.Count)
}

// seconds rounds up, within what the system takes (1 to 32,767).
func seconds(d time.Duration) int {
	return int(min(max(d+time.Second-1, time.Second)/time.Second, 32767))
}

func (k *epoll) Recv(fd int, p []byte) (n int, o outcome, err error) {
	for {
		r, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			if r == 0 {
				return 0, closed, nil
			}
			return int(r), ok, nil
		case unix.EINTR:
			continue
		}
		return 0, failed(errno), errno
	}
}

func (k *epoll) Send(fd int, p []byte) (n int, o outcome, err error) {
	p = p[:min(len(p), maxSend)]
	for {
		r, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(r), ok, nil
		case unix.EINTR:
			continue
		}
		return 0, failed(errno), errno
	}
}

// failed sorts the errors of recv and send.
func failed(errno unix.Errno) outcome {
	switch errno {
	case unix.EAGAIN:
		return again
	case unix.ECONNRESET, unix.EPIPE, unix.ETIMEDOUT, unix.EHOSTUNREACH, unix.ENETUNREACH:
		return closed
	case unix.ENOMEM, unix.ENOBUFS:
		return scarce
	}
	return broken
}

func (k *epoll) Shutdown(fd int) { unix.Shutdown(fd, unix.SHUT_WR) }

// Unsent is false for a socket that is not TCP: the system does not tell.
func (k *epoll) Unsent(fd int) bool {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQNSD)
	return err == nil && n > 0
}

func (k *epoll) Sever(fd int) { unix.Shutdown(fd, unix.SHUT_RDWR) }

// Reset lingers for no time at all. With any other it would be close(2) that
// waits.
func (k *epoll) Reset(fd int) {
	unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// Close never asks again after EINTR: Linux has freed the descriptor by then.
func (k *epoll) Close(fd int) { unix.Close(fd) }

func (k *epoll) Release(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "session")
	defer f.Close()
	return net.FileConn(f) // it has a descriptor of its own
}

func (k *epoll) End() {
	unix.Close(k.wakefd)
	k.park.end()
}

func (k *epoll) Listen(a address, backlog int) (fd int, bound net.Addr, err error) {
	family, sa := sockaddr(a)
	fd, err = k.bind(family, sa)
	if a.anyIP() && errors.Is(err, unix.EAFNOSUPPORT) { // a system without IPv6
		fd, err = k.bind(unix.AF_INET, &unix.SockaddrInet4{Port: a.port})
	}
	if a.path != "" && errors.Is(err, unix.EADDRINUSE) && abandoned(a.path, sa) {
		os.Remove(a.path)
		fd, err = k.bind(family, sa)
	}
	if err != nil {
		return -1, nil, fmt.Errorf("httpd: listen on %s: %w", a, err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		k.Unlisten(fd, a)
		return -1, nil, fmt.Errorf("httpd: listen on %s: %w", a, os.NewSyscallError("listen", err))
	}
	return fd, boundAddr(fd, a), nil
}

// Unlisten removes the file first: once the socket is closed, another server
// may put its own there.
func (k *epoll) Unlisten(fd int, a address) {
	if a.path != "" && a.path[0] != '@' {
		os.Remove(a.path)
	}
	unix.Close(fd)
}

func (k *epoll) bind(family int, sa unix.Sockaddr) (fd int, err error) {
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	k.setOptions(fd)
	if k.ifname != "" && family != unix.AF_UNIX {
		if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, k.ifname); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("interface %s: %w", k.ifname, os.NewSyscallError("setsockopt", err))
		}
	}
	if in6, is := sa.(*unix.SockaddrInet6); is && in6.Addr == [16]byte{} {
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0) // both families
	}
	if err := unix.Bind(fd, sa); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

// abandoned reports whether path is a socket file on which nobody listens any
// more. A file of another kind refuses connections too, but is somebody's.
func abandoned(path string, sa unix.Sockaddr) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return false
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Connect(fd, sa) == unix.ECONNREFUSED
}

func sockaddr(a address) (family int, sa unix.Sockaddr) {
	switch {
	case a.path != "":
		return unix.AF_UNIX, &unix.SockaddrUnix{Name: a.path}
	case a.ip.Is4():
		return unix.AF_INET, &unix.SockaddrInet4{Port: a.port, Addr: a.ip.As4()}
	case a.anyIP():
		return unix.AF_INET6, &unix.SockaddrInet6{Port: a.port}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: a.port, ZoneId: a.zone, Addr: a.ip.As16()}
}

// boundAddr is where fd listens: a with the port that the system chose.
func boundAddr(fd int, a address) net.Addr {
	if a.path != "" {
		return &net.UnixAddr{Name: a.path, Net: "unix"}
	}
	if addr := netAddr(unix.Getsockname(fd)); addr != nil {
		return addr
	}
	return a.tcp()
}

func (k *epoll) Peer(fd int) net.Addr  { return netAddr(unix.Getpeername(fd)) }
func (k *epoll) Local(fd int) net.Addr { return netAddr(unix.Getsockname(fd)) }

// netAddr is nil for an address of an unknown family, and without one.
func netAddr(sa unix.Sockaddr, _ error) net.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Name: sa.Name, Net: "unix"}
	}
	return nil
}
