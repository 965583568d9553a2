//! Plots as a page draws them: bars and columns of plain shapes, with the same numbers as a table beside them.

use crate::operation::render::visible;

/// How wide a plot is, in the units of its own coordinates.
const WIDTH: f64 = 640.0;
/// How high a row of bars is, its name above it.
const ROW: f64 = 56.0;
const BAR: f64 = 18.0;
/// How high columns are at most.
const HEIGHT: f64 = 140.0;
/// Room for what is written below columns.
const BELOW: f64 = 30.0;
/// How many characters of a name fit above a bar.
const NAME: usize = 48;

/// A plot.
pub(super) struct Plot {
    /// By which it is told from others of the page.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What it says, in a sentence.
    pub(super) describes: String,
    /// What each colour is.
    pub(super) legend: Vec<(&'static str, &'static str)>,
    pub(super) height: f64,
    pub(super) shapes: Vec<Shape>,
    pub(super) labels: Vec<Label>,
    /// The table's head, and its rows.
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

/// A bar, a column, or a part of one.
pub(super) struct Shape {
    pub(super) class: &'static str,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Something written.
pub(super) struct Label {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// A bar or a column: its name, what is written beside it, and its parts with their colours.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) words: String,
    pub(super) parts: Vec<(&'static str, f64)>,
}

/// What a plot is of.
pub(super) struct About {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) describes: String,
    pub(super) legend: Vec<(&'static str, &'static str)>,
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Plot {
    /// Bars below each other. Where `full` is nothing the longest is as long as there is room.
    pub(super) fn bars(about: About, bars: &[Bar], full: Option<f64>) -> Self {
        let longest = full.unwrap_or_else(|| longest(bars));
        let (mut shapes, mut labels) = (Vec::new(), Vec::new());
        let mut top = 0.0;
        for bar in bars {
            labels.push(Label { x: 0.0, y: top + 20.0, class: "name", text: cut(&bar.name) });
            labels.push(Label { x: WIDTH, y: top + 20.0, class: "value", text: visible(&bar.words) });
            let y = top + 28.0;
            shapes.push(Shape { class: "track", x: 0.0, y, width: WIDTH, height: BAR });
            let mut x = 0.0;
            for (class, part) in &bar.parts {
                let width = share(*part, longest, WIDTH).min(WIDTH - x);
                shapes.push(Shape { class, x, y, width, height: BAR });
                x += width;
            }
            top += ROW;
        }
        Self::of(about, top, shapes, labels)
    }

    /// Columns beside each other, the parts of each upon each other; the first, the middle and the last are named.
    pub(super) fn columns(about: About, columns: &[Bar]) -> Self {
        let longest = longest(columns);
        let wide = WIDTH / (columns.len().max(1) as f64);
        let (mut shapes, mut labels) = (Vec::new(), Vec::new());
        for (number, column) in columns.iter().enumerate() {
            let x = round(number as f64 * wide);
            let mut y = HEIGHT;
            for (class, part) in &column.parts {
                let height = share(*part, longest, HEIGHT - 4.0).min(y);
                y -= height;
                shapes.push(Shape { class, x, y, width: round((wide * 0.85).min(48.0)), height });
            }
        }
        shapes.push(Shape { class: "axis", x: 0.0, y: HEIGHT, width: WIDTH, height: 1.0 });
        let last = columns.len().saturating_sub(1);
        let mut named = vec![(0, 0.0, "name"), (last / 2, WIDTH / 2.0, "middle"), (last, WIDTH, "value")];
        named.dedup_by_key(|(place, ..)| *place);
        for (place, x, class) in named {
            let text = columns.get(place).map(|column| cut(&column.name)).unwrap_or_default();
            labels.push(Label { x, y: HEIGHT + 22.0, class, text });
        }
        Self::of(about, HEIGHT + BELOW, shapes, labels)
    }

    fn of(about: About, height: f64, shapes: Vec<Shape>, labels: Vec<Label>) -> Self {
        let About { id, title, describes, legend, head, rows } = about;
        Self { id, title, describes, legend, height, shapes, labels, head, rows }
    }
}

fn longest(bars: &[Bar]) -> f64 {
    let all = bars.iter().map(|bar| bar.parts.iter().map(|(_, part)| *part).sum::<f64>());
    // Never nothing, so that nothing is as long as nothing.
    all.fold(0.0, f64::max).max(f64::MIN_POSITIVE)
}

/// How long a part is drawn where the longest has so much room; what is no number is not drawn.
fn share(part: f64, longest: f64, room: f64) -> f64 {
    let length = part / longest * room;
    if length.is_finite() { round(length).max(0.0).min(room) } else { 0.0 }
}

/// To a tenth: a finer place is none on a screen.
fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// A name with nothing hidden in it, cut where there is no room; the table has all of it.
fn cut(name: &str) -> String {
    let name = visible(name);
    if name.chars().count() <= NAME {
        return name;
    }
    name.chars().take(NAME - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About { id: "x", title: "x", describes: String::new(), legend: vec![], head: vec![], rows: vec![] }
    }

    fn bar(name: &str, parts: &[f64]) -> Bar {
        Bar {
            name: name.to_owned(),
            words: String::new(),
            parts: parts.iter().map(|part| ("a", *part)).collect(),
        }
    }

    #[test]
    fn the_longest_bar_fills_the_width_and_others_in_proportion() {
        let plot =
            Plot::bars(about(), &[bar("one", &[1.0, 1.0]), bar("two", &[4.0]), bar("none", &[])], None);
        let widths: Vec<f64> =
            plot.shapes.iter().filter(|one| one.class == "a").map(|one| one.width).collect();
        assert_eq!(widths, [160.0, 160.0, 640.0]);
        assert_eq!(plot.height, 3.0 * ROW);
    }

    #[test]
    fn whatever_the_numbers_nothing_is_drawn_outside() {
        for parts in [&[0.0][..], &[f64::MAX, f64::MAX], &[f64::NAN], &[-1.0], &[1e-300, 1.0], &[]] {
            let columns = [bar("a", parts), bar("b", &[1.0])];
            for plot in [
                Plot::bars(about(), &columns, None),
                Plot::bars(about(), &columns, Some(1.0)),
                Plot::columns(about(), &columns),
                Plot::columns(about(), &[]),
            ] {
                for shape in &plot.shapes {
                    let inside = |from: f64, length: f64, most: f64| {
                        from >= 0.0 && length >= 0.0 && from + length <= most + 0.1
                    };
                    assert!(inside(shape.x, shape.width, WIDTH), "{parts:?}: {} {}", shape.x, shape.width);
                    assert!(
                        inside(shape.y, shape.height, plot.height),
                        "{parts:?}: {} {}",
                        shape.y,
                        shape.height
                    );
                }
            }
        }
    }

    #[test]
    fn names_are_visible_and_cut() {
        let plot = Plot::bars(about(), &[bar("a\u{202e}b", &[1.0]), bar(&"x".repeat(100), &[1.0])], None);
        let names: Vec<&str> =
            plot.labels.iter().filter(|one| one.class == "name").map(|one| one.text.as_str()).collect();
        assert_eq!(names[0], "a⟨U+202E⟩b");
        assert_eq!(names[1].chars().count(), NAME);
    }
}
