//! Tiles and entry bundles: the files that a log is served and exported as (C2SP tlog-tiles).

use super::hash::Hash;
use super::merkle::MAX_SIZE;
use super::text::decimal;
use core::fmt;
use core::ops::Range;

/// How many hashes or entries a full tile holds.
pub const TILE_WIDTH: u64 = 256;
/// The most bytes of an entry: its length is written in 16 bits.
pub const MAX_ENTRY: usize = 65_535;
/// The highest level that a path may name.
const MAX_LEVEL: u8 = 63;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Hashes of this level: at 0 those of leaves, at L roots of complete subtrees of 256^L leaves.
    Hashes(u8),
    /// The entries themselves: a bundle.
    Entries,
}

/// Which tile of a log: what it holds, its place among those, and how much of it is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    kind: TileKind,
    place: u64,
    width: u16,
}

impl Tile {
    /// A tile; `None` if there can be none: its width is 1 to 256, its level at most 63, its place one of a tree's.
    #[must_use]
    pub fn new(kind: TileKind, place: u64, width: u16) -> Option<Self> {
        let level = match kind {
            TileKind::Hashes(level) => level,
            TileKind::Entries => 0,
        };
        let fits = (1..=TILE_WIDTH).contains(&u64::from(width)) && level <= MAX_LEVEL && place < MAX_SIZE;
        fits.then_some(Self { kind, place, width })
    }

    /// Reads a path as [`fmt::Display`] writes it; anything else is `None`.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => TileKind::Hashes(u8::try_from(decimal(level)?).ok()?),
        };
        let (place, width) = match rest.split_once(".p/") {
            // A full tile has no width in its path.
            Some((place, width)) => (place, decimal(width).filter(|width| *width < TILE_WIDTH)?),
            None => (rest, TILE_WIDTH),
        };
        let (before, last) = place.rsplit_once('/').map_or(("", place), |(before, last)| (before, last));
        let mut number = 0_u64;
        for part in before.split('/').filter(|_| !before.is_empty()) {
            number = number.checked_mul(1000)?.checked_add(three_digits(part.strip_prefix('x')?)?)?;
        }
        let number = number.checked_mul(1000)?.checked_add(three_digits(last)?)?;
        let tile = Self::new(kind, number, u16::try_from(width).ok()?)?;
        // Leading zero parts would be a second path to the same tile.
        (tile.to_string() == path).then_some(tile)
    }

    /// Every tile that a log of this size has: bundles first, then hashes level by level. The last of each kind may
    /// be a partial one.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        let bundles = Self::row(TileKind::Entries, size);
        let levels = (0..=7).flat_map(move |level: u8| {
            Self::row(TileKind::Hashes(level), size >> (u32::from(level) * TILE_WIDTH.ilog2()))
        });
        bundles.chain(levels)
    }

    /// The tiles of one kind that hold this many hashes or entries.
    fn row(kind: TileKind, count: u64) -> impl Iterator<Item = Self> {
        (0..count.div_ceil(TILE_WIDTH)).filter_map(move |place| {
            let width = (count - place * TILE_WIDTH).min(TILE_WIDTH);
            Self::new(kind, place, u16::try_from(width).ok()?)
        })
    }

    /// What it holds.
    #[must_use]
    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    /// Its place among the tiles of its kind, from 0.
    #[must_use]
    pub const fn place(&self) -> u64 {
        self.place
    }

    /// How many hashes or entries it holds: 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether it is a partial one, which a full one will replace when the log has grown.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        u64::from(self.width) < TILE_WIDTH
    }

    /// The places of its hashes within their level, or the indexes of its entries.
    #[must_use]
    pub fn places(&self) -> Range<u64> {
        let start = self.place * TILE_WIDTH;
        start..start + u64::from(self.width)
    }
}

/// The tile's path below the log: `tile/0/x001/x234/067`, and `.p/W` behind it where only W of it are filled.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let mut divisor = 1;
        while self.place / divisor >= 1000 {
            divisor *= 1000;
        }
        while divisor > 1 {
            write!(f, "x{:03}/", self.place / divisor % 1000)?;
            divisor /= 1000;
        }
        write!(f, "{:03}", self.place % 1000)?;
        if self.is_partial() { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

fn three_digits(text: &str) -> Option<u64> {
    (text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// The bytes of a tile of hashes.
#[must_use]
pub fn write_tile(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(Hash::as_bytes).copied().collect()
}

/// The hashes in the bytes of a tile of this width; `None` if there are not exactly so many.
#[must_use]
pub fn read_tile(bytes: &[u8], width: u16) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<{ Hash::BYTES }>();
    let exact = hashes.len() == usize::from(width) && rest.is_empty();
    exact.then(|| hashes.iter().copied().map(Hash::from_bytes).collect())
}

/// Why bytes are no entry bundle, or entries make none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleError {
    /// There are more than 256 entries, or none.
    Count,
    /// An entry is longer than [`MAX_ENTRY`].
    TooLong,
    /// The bytes end within an entry, or before the last one.
    Short,
    /// There are bytes after the last entry.
    Trailing,
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count => write!(f, "an entry bundle has 1 to {TILE_WIDTH} entries"),
            Self::TooLong => write!(f, "an entry of a log has at most {MAX_ENTRY} bytes"),
            Self::Short => f.write_str("the entry bundle ends too early"),
            Self::Trailing => f.write_str("there are bytes after the entry bundle's last entry"),
        }
    }
}

impl std::error::Error for BundleError {}

/// The bytes of a bundle of 1 to 256 entries: each with its length before it, 16 bits, big end first.
///
/// # Errors
/// [`BundleError`] for too many entries, none, or one that is too long.
pub fn write_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    if !(1..=TILE_WIDTH).contains(&(entries.len() as u64)) {
        return Err(BundleError::Count);
    }
    let mut bytes = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len()).map_err(|_| BundleError::TooLong)?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The entries in the bytes of a bundle of this width: exactly so many, and nothing after them.
///
/// # Errors
/// [`BundleError`] for anything else.
pub fn read_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    if !(1..=TILE_WIDTH).contains(&u64::from(width)) {
        return Err(BundleError::Count);
    }
    let mut rest = bytes;
    let mut entries = Vec::with_capacity(usize::from(width));
    for _ in 0..width {
        let (length, behind) = rest.split_first_chunk::<2>().ok_or(BundleError::Short)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, behind) = behind.split_at_checked(length).ok_or(BundleError::Short)?;
        entries.push(entry);
        rest = behind;
    }
    if rest.is_empty() { Ok(entries) } else { Err(BundleError::Trailing) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_which_tile_and_there_is_one_path_to_each() {
        for (kind, place, width, path) in [
            (TileKind::Hashes(0), 0, 256, "tile/0/000"),
            (TileKind::Hashes(1), 7, 17, "tile/1/007.p/17"),
            (TileKind::Entries, 999, 1, "tile/entries/999.p/1"),
            (TileKind::Entries, 1000, 255, "tile/entries/x001/000.p/255"),
            (TileKind::Hashes(0), 1_234_067, 256, "tile/0/x001/x234/067"),
            (TileKind::Hashes(63), 1_000_000, 256, "tile/63/x001/x000/000"),
        ] {
            let tile = Tile::new(kind, place, width).unwrap();
            assert_eq!(tile.to_string(), path);
            assert_eq!(Tile::parse(path), Some(tile));
        }
        for path in [
            "",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/1000",
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/x001/x000",
            "tile/0/x001//000",
            "tile/0/x001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000.p/1/",
            "tile/0/000/",
            "tile/entry/000",
            "/tile/0/000",
            "tile/0/../000",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(Tile::parse(path), None, "{path}");
        }
        for (place, width) in [(0, 0), (0, 257), (u64::MAX, 1)] {
            assert_eq!(Tile::new(TileKind::Entries, place, width), None);
        }
    }

    /// The example of the specification: 70 000 leaves.
    #[test]
    fn a_log_has_the_tiles_that_its_size_says() {
        let tiles: Vec<Tile> = Tile::all(70_000).collect();
        let of = |kind| tiles.iter().filter(move |tile| tile.kind() == kind);
        assert_eq!(of(TileKind::Hashes(0)).count(), 274);
        let partial: Vec<String> =
            tiles.iter().filter(|tile| tile.is_partial()).map(Tile::to_string).collect();
        assert_eq!(
            partial,
            ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
        );
        assert_eq!(Tile::all(0).count(), 0);
        let whole: Vec<String> = Tile::all(256).map(|tile| tile.to_string()).collect();
        assert_eq!(whole, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(Tile::parse("tile/0/273.p/112").unwrap().places(), 69_888..70_000);
    }

    #[test]
    fn a_bundle_is_read_as_it_was_written_or_not_at_all() {
        let entries: [&[u8]; 3] = [b"one", b"", b"three"];
        let bytes = write_bundle(&entries).unwrap();
        assert_eq!(bytes, b"\x00\x03one\x00\x00\x00\x05three");
        assert_eq!(read_bundle(&bytes, 3).unwrap(), entries);
        assert_eq!(read_bundle(&bytes, 2), Err(BundleError::Trailing));
        assert_eq!(read_bundle(&bytes, 4), Err(BundleError::Short));
        for width in [0, 257] {
            assert_eq!(read_bundle(&bytes, width), Err(BundleError::Count));
        }
        for cut in 0..bytes.len() {
            assert_eq!(read_bundle(bytes.get(..cut).unwrap(), 3), Err(BundleError::Short));
        }
        assert_eq!(write_bundle::<&[u8]>(&[]), Err(BundleError::Count));
        assert_eq!(write_bundle(&vec![b""; 257]), Err(BundleError::Count));
        assert_eq!(write_bundle(&[vec![0; MAX_ENTRY + 1]]), Err(BundleError::TooLong));
        assert_eq!(write_bundle(&[vec![0; MAX_ENTRY]]).unwrap().len(), MAX_ENTRY + 2);
    }

    #[test]
    fn a_tile_has_exactly_its_hashes() {
        let hashes = [Hash::from_bytes([1; 32]), Hash::from_bytes([2; 32])];
        let bytes = write_tile(&hashes);
        assert_eq!(read_tile(&bytes, 2).unwrap(), hashes);
        for (bytes, width) in
            [(&bytes[..], 1), (&bytes[..], 3), (&bytes[..63], 2), (&bytes[..63], 1), (&[], 1)]
        {
            assert_eq!(read_tile(bytes, width), None);
        }
    }
}
