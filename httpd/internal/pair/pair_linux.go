package pair

import (
	"net"
	"os"
	"syscall"
)

func (system) pair() (client *net.UnixConn, server int, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, -1, os.NewSyscallError("socketpair", err)
	}
	ours := os.NewFile(uintptr(fds[0]), "pair")
	defer ours.Close()                                                    // the connection has a descriptor of its own
	if err := syscall.Bind(fds[1], &syscall.SockaddrUnix{}); err != nil { // to a name that the system chooses
		syscall.Close(fds[1])
		return nil, -1, os.NewSyscallError("bind", err)
	}
	conn, err := net.FileConn(ours)
	if err != nil {
		syscall.Close(fds[1])
		return nil, -1, err
	}
	return conn.(*net.UnixConn), fds[1], nil
}

func (system) drop(server int) { syscall.Close(server) }

func (system) quiet(client *net.UnixConn) (is bool) {
	raw, err := client.SyscallConn()
	if err != nil {
		return false
	}
	raw.Control(func(fd uintptr) {
		var p [1]byte
		_, _, err := syscall.Recvfrom(int(fd), p[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		is = err == syscall.EAGAIN
	})
	return is
}
