// Package fuzz holds the fuzz targets of moor, each in a file of its own and
// each with one property that it checks:
//
//	go test -fuzz=FuzzHead ./fuzz
//
// TestDifferential is no target but a run of requests made at random, which
// net/http reads too; its log has the counts:
//
//	go test -v -run=TestDifferential ./fuzz -differential.count=1000000
//
// TestEngine says such requests to a whole server, in streams and in pieces, as
// FuzzEngine and FuzzSmuggle do with any octets.
//
// An ordinary go test runs the seeds, which are in the targets themselves and
// in testdata/fuzz. What fuzzing found is a row of the table tests of the
// package where it was found.
package fuzz
