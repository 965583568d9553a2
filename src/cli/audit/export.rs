//! `countersign audit export`: the record in other forms, for people and for other tools.

use super::read::{self, Page, Wanted};
use crate::audit::export::{Entry, cloud_events, csv, ocsf};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::Output;
use crate::cli::policy::record::{Progress, Source};
use crate::store::embedded::Look;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Write the record out in another form: whole records as lines of JSON, or decisions as CSV
///
/// `jsonl` is every record as it is in the log, one to a line; `cloudevents` and `ocsf` wrap each in an event of that
/// standard; `csv` has a line for each decision that the filters want, for a spreadsheet. The filters are for `csv`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// In which form
    #[arg(long, short, value_enum)]
    format: Format,
    /// Where to; standard output if nothing is said
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// From this place on (not for csv)
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    from: u64,
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    source: Source,
}

/// The forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The records as they are, one to a line, each with its place
    Jsonl,
    /// Decisions and what became of them, for spreadsheets
    Csv,
    /// CloudEvents 1.0, JSON format, one to a line
    Cloudevents,
    /// OCSF 1.6.0, one to a line
    Ocsf,
    /// The log itself with its tree and its checkpoints: a folder that `audit verify` and other people's tools check
    /// (C2SP tlog-tiles). What is there already is kept, so that it can be done again as the log grows
    Tiles,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if the record cannot be read, or the file cannot be written.
pub(super) fn run(args: &Args) -> Result<Exit, Failed> {
    if args.format == Format::Tiles {
        let to = args.output.as_ref().ok_or_else(|| {
            Failed::new(Exit::Usage, "tiles are a folder of files: say which with --output")
        })?;
        return super::tiles::export(&args.source.folder()?, to);
    }
    let look = args.source.look()?;
    let Some(path) = &args.output else {
        let mut out = BufWriter::new(std::io::stdout().lock());
        return match write(args, &look, &mut out).and_then(|()| Ok(out.flush()?)) {
            // A reader that has enough is no failure.
            Err(Stop::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Success),
            other => other.map(|()| Exit::Success).map_err(|stop| stop.failed("standard output")),
        };
    };
    let name = path.display().to_string();
    let cannot = |error: std::io::Error| Stop::Write(error).failed(&name);
    // Under another name first: half an export must not look like one.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let passing = path.with_extension("part");
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Failed::new(Exit::Usage, format!("there is no folder `{}`", folder.display())));
    }
    let mut out = BufWriter::new(std::fs::File::create(&passing).map_err(cannot)?);
    write(args, &look, &mut out).map_err(|stop| stop.failed(&name))?;
    out.flush().map_err(cannot)?;
    std::fs::rename(&passing, path).map_err(cannot)?;
    Output::new(false).line(format!("wrote `{name}`"));
    Ok(Exit::Success)
}

/// What keeps an export from going on.
enum Stop {
    Read(Failed),
    Write(std::io::Error),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<serde_json::Error> for Stop {
    fn from(error: serde_json::Error) -> Self {
        Self::Read(Failed::plain(error))
    }
}

impl Stop {
    fn failed(self, name: &str) -> Failed {
        match self {
            Self::Read(failed) => failed,
            Self::Write(error) => Failed::plain(format!("cannot write `{name}`: {error}")),
        }
    }
}

fn write(args: &Args, look: &Look, out: &mut impl Write) -> Result<(), Stop> {
    if args.format == Format::Csv {
        return decisions(args, look, out);
    }
    let mut progress = Progress::new("writing the record", look.len());
    let mut origin = String::new();
    for found in look.leaves(0) {
        let (index, leaf) = found.map_err(|error| Stop::Read(Failed::plain(error)))?;
        progress.at(index);
        let text = read::text(index, &leaf).map_err(Stop::Read)?;
        let starts = text.contains("\"kind\":\"started\"");
        if index < args.from && !starts {
            continue;
        }
        if args.format == Format::Jsonl {
            if index >= args.from {
                // The record is canonical JSON as it is; put beside its place it stays that, byte for byte.
                writeln!(out, "{{\"index\":{index},\"record\":{text}}}")?;
            }
            continue;
        }
        let record = read::record(index, &leaf).map_err(Stop::Read)?;
        if let crate::audit::event::Event::Started { origin: Some(known), .. } = &record.event {
            known.as_str().clone_into(&mut origin);
        }
        if index < args.from {
            continue;
        }
        let entry = Entry { origin: &origin, index, record: &record };
        let event = match args.format {
            Format::Ocsf => ocsf::event(&entry)?,
            Format::Cloudevents | Format::Jsonl | Format::Csv | Format::Tiles => {
                cloud_events::cloud_event(&entry)?
            }
        };
        writeln!(out, "{event}")?;
    }
    progress.done();
    Ok(())
}

/// Decisions, the latest last.
fn decisions(args: &Args, look: &Look, out: &mut impl Write) -> Result<(), Stop> {
    writeln!(out, "{}", csv::heading())?;
    let all = Page { limit: usize::MAX, before: None };
    let found = read::find(look, &args.wanted.clone().filter(), all).map_err(Stop::Read)?;
    for overview in found.overviews.iter().rev() {
        writeln!(out, "{}", csv::line(overview))?;
    }
    Ok(())
}
