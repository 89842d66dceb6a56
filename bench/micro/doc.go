// Package micro has the benchmarks of moor's parts, each beside fasthttp's and
// net/http's where they have the same part.
//
//	micro/compare              all, with moor, fasthttp and net/http side by side
//	micro/compare Head 20      those that match, 20 times
//	go test -bench Head -benchmem -count 10 ./micro >new.txt
//	go tool benchstat old.txt new.txt
//
// benchstat is pinned in go.mod. The names have keys, so that it can put one of
// them into the columns: Head/request=browser/parser=moor.
package micro
