// Package chart draws the results as SVG.
package chart

import (
	"fmt"
	"image/color"
	"math"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"

	"moor.example/bench/internal/result"
	"moor.example/bench/internal/scenario"
	"moor.example/bench/internal/server"
)

// A series is one part of every bar.
type series struct {
	name   string
	values plotter.Values
}

var colours = []color.Color{
	color.RGBA{0x1f, 0x6f, 0xb4, 0xff}, color.RGBA{0xf2, 0x8e, 0x2b, 0xff}, color.RGBA{0x9c, 0x9c, 0x9c, 0xff},
}

// Draw writes the charts of a run into dir, and returns their file names.
func Draw(run *result.Run, dir string) (files []string, err error) {
	draw := func(name string, p *plot.Plot, err2 error) {
		if err != nil || p == nil {
			return
		}
		if err = err2; err == nil {
			err = p.Save(18*vg.Centimeter, 9*vg.Centimeter, filepath.Join(dir, name))
			files = append(files, name)
		}
	}
	for i := range scenario.All {
		s := &scenario.All[i]
		names, samples := measured(run, s.Name)
		if len(names) == 0 {
			continue
		}
		p, err2 := cpu(s, names, samples)
		draw("cpu-"+s.Name+".svg", p, err2)
		p, err2 = latency(s, names, samples)
		draw("latency-"+s.Name+".svg", p, err2)
		if s.Idle > 0 {
			p, err2 = idle(s, names, samples)
			draw("idle-bytes.svg", p, err2)
		}
	}
	return files, err
}

// measured returns the servers that have samples in the scenario.
func measured(run *result.Run, scenario string) (names []string, samples [][]result.Sample) {
	for _, srv := range server.All {
		if s := run.Of(scenario, srv.Name); len(s) > 0 {
			names, samples = append(names, srv.Name), append(samples, s)
		}
	}
	return names, samples
}

// cpu is what a request costs the server, user time below and system time above.
func cpu(s *scenario.Scenario, names []string, samples [][]result.Sample) (*plot.Plot, error) {
	user, system := series{name: "user"}, series{name: "system"}
	for _, x := range samples {
		u, k := result.Split(x)
		user.values, system.values = append(user.values, u), append(system.values, k)
	}
	p := blank("Server CPU per request: "+s.Title, "microseconds")
	if err := stack(p, names, user, system); err != nil {
		return nil, err
	}
	tops, texts := plotter.XYs{}, []string{}
	for i := range names {
		sum := user.values[i] + system.values[i]
		tops, texts = append(tops, plotter.XY{X: float64(i), Y: sum}), append(texts, fmt.Sprintf("%.2f", sum))
	}
	return p, label(p, tops, texts)
}

// latency is on a logarithmic scale: the servers are far apart.
func latency(s *scenario.Scenario, names []string, samples [][]result.Sample) (*plot.Plot, error) {
	parts := []series{{name: "p50"}, {name: "p99"}, {name: "p99.9"}}
	for _, x := range samples {
		for i, m := range []result.Measure{result.P50, result.P99, result.P999} {
			parts[i].values = append(parts[i].values, math.Log10(max(1, result.MedianOf(m, x))))
		}
	}
	p := blank("Latency: "+s.Title, "microseconds, logarithmic")
	p.Y.Tick.Marker = powers{}
	return p, group(p, names, parts...)
}

func idle(s *scenario.Scenario, names []string, samples [][]result.Sample) (*plot.Plot, error) {
	each := series{name: "octets"}
	for _, x := range samples {
		each.values = append(each.values, math.Log10(max(1, result.MedianOf(result.IdleBytes, x))))
	}
	p := blank("RSS for an idle session: "+s.Title, "octets, logarithmic")
	p.Y.Tick.Marker = powers{}
	if err := group(p, names, each); err != nil {
		return nil, err
	}
	tops, texts := plotter.XYs{}, []string{}
	for i, x := range samples {
		tops = append(tops, plotter.XY{X: float64(i), Y: each.values[i]})
		texts = append(texts, fmt.Sprintf("%.0f", result.MedianOf(result.IdleBytes, x)))
	}
	return p, label(p, tops, texts)
}

func blank(title, unit string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.Y.Label.Text = title, unit
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	return p
}

// label writes the values above their bars.
func label(p *plot.Plot, tops plotter.XYs, texts []string) error {
	labels, err := plotter.NewLabels(plotter.XYLabels{XYs: tops, Labels: texts})
	if err != nil {
		return fmt.Errorf("%s: %w", p.Title.Text, err)
	}
	for i := range labels.TextStyle {
		labels.TextStyle[i].XAlign = text.XCenter
	}
	labels.Offset.Y = 2 * vg.Millimeter
	p.Add(labels)
	return nil
}

// room leaves some beside the outer bars, and above the highest for the legend.
func room(p *plot.Plot, names []string) {
	p.NominalX(names...)
	p.X.Min, p.X.Max = -0.6, float64(len(names))-0.4
	p.Y.Min, p.Y.Max = 0, p.Y.Max*1.25
}

// stack puts the parts of a bar on top of each other.
func stack(p *plot.Plot, names []string, parts ...series) error {
	var below *plotter.BarChart
	for i, part := range parts {
		bars, err := plotter.NewBarChart(part.values, 1*vg.Centimeter)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Title.Text, err)
		}
		bars.Color, bars.LineStyle.Width = colours[i], 0
		if below != nil {
			bars.StackOn(below)
		}
		below = bars
		p.Add(bars)
		p.Legend.Add(part.name, bars)
	}
	room(p, names)
	return nil
}

// group puts them beside each other.
func group(p *plot.Plot, names []string, parts ...series) error {
	width := 1.2 * vg.Centimeter / vg.Length(len(parts))
	for i, part := range parts {
		bars, err := plotter.NewBarChart(part.values, width)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Title.Text, err)
		}
		bars.Color, bars.LineStyle.Width = colours[i], 0
		bars.Offset = width * (vg.Length(i) - vg.Length(len(parts)-1)/2)
		p.Add(bars)
		if len(parts) > 1 {
			p.Legend.Add(part.name, bars)
		}
	}
	room(p, names)
	return nil
}

// powers labels an axis of logarithms with what they stand for.
type powers struct{}

// Ticks has one for each power of ten.
func (powers) Ticks(least, most float64) (ticks []plot.Tick) {
	for e := math.Ceil(least); e <= most; e++ {
		ticks = append(ticks, plot.Tick{Value: e, Label: fmt.Sprintf("%.0f", math.Pow(10, e))})
	}
	return ticks
}
