//! Small plots of characters: bars and sparklines, in blocks where the terminal has them, in ASCII where it may not.

/// With which characters plots are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plot {
    blocks: bool,
}

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

impl Plot {
    /// Blocks where the locale says UTF-8.
    pub(super) fn new() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        Self::for_locale(&locale)
    }

    fn for_locale(locale: &str) -> Self {
        let locale = locale.to_ascii_lowercase();
        Self { blocks: locale.contains("utf-8") || locale.contains("utf8") }
    }

    /// A bar of so many characters, as full as the part, 0 to 1.
    pub(super) fn bar(self, part: Option<f64>, width: u32) -> String {
        let (full, empty) = if self.blocks { ('█', '░') } else { ('#', '.') };
        let limit = part.unwrap_or_default() * f64::from(width);
        let filled = |place: u32| f64::from(place) + 0.5 <= limit;
        (0..width).map(|place| if filled(place) { full } else { empty }).collect()
    }

    /// One character for each number, the highest as high as can be; nothing for nothing.
    pub(super) fn line(self, numbers: &[u64]) -> String {
        let highest = numbers.iter().copied().max().unwrap_or_default();
        let marks = if self.blocks { BLOCKS } else { ASCII };
        let mark = |number: &u64| {
            if *number == 0 {
                return ' ';
            }
            // The lowest mark is for anything at all.
            let step = number.saturating_mul(7).div_ceil(highest.max(1)).min(7);
            usize::try_from(step).ok().and_then(|step| marks.get(step)).copied().unwrap_or(' ')
        };
        numbers.iter().map(mark).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_where_the_locale_has_them() {
        for (locale, blocks) in
            [("en_US.UTF-8", true), ("C.utf8", true), ("C", false), ("", false), ("de_DE@euro", false)]
        {
            assert_eq!(Plot::for_locale(locale).blocks, blocks, "{locale}");
        }
    }

    #[test]
    fn bars_and_lines() {
        let (blocks, ascii) = (Plot { blocks: true }, Plot { blocks: false });
        assert_eq!(blocks.bar(Some(0.5), 8), "████░░░░");
        assert_eq!(ascii.bar(Some(0.99), 4), "####");
        assert_eq!((ascii.bar(Some(0.0), 4), ascii.bar(None, 2)), ("....".to_owned(), "..".to_owned()));
        assert_eq!(blocks.line(&[0, 1, 50, 100]), " ▂▅█");
        assert_eq!(ascii.line(&[0, 1, 50, 100]), " .=#");
        assert_eq!(ascii.line(&[]), "");
    }
}
