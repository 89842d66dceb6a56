package metrics_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A page is what parse has read: the values by their series, as it is written,
// and the types by the name of the family.
type page struct {
	values map[string]float64
	types  map[string]string
	order  []string // the families
}

var (
	nameForm   = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	sampleForm = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"\})? (\S+)$`)
)

// parse reads the text format more strictly than it is defined: with HELP, TYPE
// and then samples of each family, one label at most, no times, no empty lines,
// and a name that fits the type.
func parse(text string) (*page, error) {
	p := &page{values: map[string]float64{}, types: map[string]string{}}
	if !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the last line has no end")
	}
	helped, family, h := "", "", histogram{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		var err error
		switch {
		case strings.HasPrefix(line, "# HELP "):
			if err = h.end(); err == nil {
				helped, err = p.help(line[len("# HELP "):])
			}
			family, h = "", histogram{}
		case strings.HasPrefix(line, "# TYPE "):
			family, err = p.kind(line[len("# TYPE "):], helped)
			helped, h.is = "", p.types[family] == "histogram"
		default:
			err = p.sample(line, family, &h)
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
	}
	if helped != "" {
		return nil, fmt.Errorf("%s has no type", helped)
	}
	return p, h.end()
}

func (p *page) help(rest string) (string, error) {
	name, help, _ := strings.Cut(rest, " ")
	if !nameForm.MatchString(name) || help == "" || strings.Contains(help, `\`) {
		return "", fmt.Errorf("bad help")
	}
	if _, twice := p.types[name]; twice {
		return "", fmt.Errorf("a second help")
	}
	return name, nil
}

func (p *page) kind(rest, helped string) (string, error) {
	name, kind, _ := strings.Cut(rest, " ")
	if name != helped || !strings.Contains(" counter gauge histogram ", " "+kind+" ") {
		return "", fmt.Errorf("want the type of %q", helped)
	}
	if strings.HasSuffix(name, "_total") != (kind == "counter") {
		return "", fmt.Errorf("this name for a %s", kind)
	}
	p.types[name], p.order = kind, append(p.order, name)
	return name, nil
}

func (p *page) sample(line, family string, h *histogram) error {
	m := sampleForm.FindStringSubmatch(line)
	if m == nil || family == "" {
		return fmt.Errorf("no sample, or no type before it")
	}
	value, err := strconv.ParseFloat(m[4], 64)
	if err != nil {
		return err
	}
	if value < 0 && p.types[family] != "gauge" {
		return fmt.Errorf("below 0")
	}
	series := strings.TrimSuffix(line, " "+m[4])
	if _, twice := p.values[series]; twice {
		return fmt.Errorf("twice")
	}
	p.values[series] = value
	if h.is {
		return h.add(strings.TrimPrefix(m[1], family), m[3], value)
	}
	if m[1] != family {
		return fmt.Errorf("is not of %s", family)
	}
	return nil
}

// A histogram is what has been seen of one.
type histogram struct {
	is                   bool
	buckets, ends        int
	bound, below, counts float64
	whole                bool
}

func (h *histogram) add(suffix, le string, value float64) error {
	switch suffix {
	case "_bucket":
		bound, err := strconv.ParseFloat(le, 64)
		if err != nil || h.whole || h.ends > 0 || h.buckets > 0 && bound <= h.bound || value < h.below {
			return fmt.Errorf("a bucket after %v with %v", h.bound, h.below)
		}
		h.buckets, h.bound, h.below, h.whole = h.buckets+1, bound, value, le == "+Inf"
	case "_sum", "_count":
		if le != "" {
			return fmt.Errorf("a label that it does not have")
		}
		h.ends++
		if suffix == "_count" {
			h.counts = value
		}
	default:
		return fmt.Errorf("not of a histogram")
	}
	return nil
}

func (h *histogram) end() error {
	if h.is && (!h.whole || h.ends != 2 || h.counts != h.below) {
		return fmt.Errorf("the histogram is not whole: %+v", *h)
	}
	return nil
}

// TestParse: what the other tests rely on refuses what it has to.
func TestParse(t *testing.T) {
	const head, hist = "# HELP a_total x\n# TYPE a_total counter\n", "# HELP h x\n# TYPE h histogram\n"
	for text, fine := range map[string]bool{
		head:                                     true,
		head + "a_total 1\n":                     true,
		head + "a_total{b=\"c\\\\ \\\" d\"} 1\n": true,
		head + "a_total 1":                       false, // no end of the line
		head + "a_total x\n":                     false,
		head + "a_total -1\n":                    false,
		head + "a_total 1\na_total 2\n":          false,
		head + "a_total{b=\"c\\d\"} 1\n":         false,
		head + "a_total{b=\"c\"d\"} 1\n":         false,
		head + "b_total 1\n":                     false,
		head + "\n":                              false,
		head + head:                              false,
		"a_total 1\n":                            false,
		"# TYPE a_total counter\n":               false,
		"# HELP a_total x\n":                     false,
		"# HELP a_total\n":                       false,
		"# HELP a x\n# TYPE a counter\n":         false,
		"# HELP a_total x\n# TYPE b counter\n":   false,
		"# HELP a_total x\n# TYPE a_total g\n":   false,
		hist + "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n": true,
		hist + "h_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n": false,
		hist + "h_bucket{le=\"1\"} 1\nh_bucket{le=\"1\"} 2\nh_sum 1\nh_count 2\n":    false,
		hist + "h_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 2\nh_sum 1\nh_count 2\n":    false,
		hist + "h_bucket{le=\"1\"} 2\nh_sum 1\nh_count 2\n":                          false, // no +Inf
		hist + "h_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 3\n":                       false,
		hist + "h_bucket{le=\"+Inf\"} 2\nh_count 2\n" + head:                         false, // no sum
		hist + "h_bucket{le=\"+Inf\"} 2\nh_sum{le=\"1\"} 1\nh_count 2\n":             false,
		hist: false,
	} {
		if _, err := parse(text); (err == nil) != fine {
			t.Errorf("%q: %v", text, err)
		}
	}
}
