//! What the kernel says of memory: the limit of a control group, of either version and however deep, and what is used.

use std::path::{Path, PathBuf};

/// Version 1 says "no limit" by a number that no machine has.
const NO_LIMIT: u64 = 1 << 60;

/// A process's group, and where its files are.
struct Group {
    /// Where the hierarchy is mounted.
    root: PathBuf,
    /// The group in it.
    folder: PathBuf,
    /// Its file for the limit, for what is used, and the line of `memory.stat` for what can be taken back.
    names: [&'static str; 3],
}

const VERSION_2: [&str; 3] = ["memory.max", "memory.current", "inactive_file "];
const VERSION_1: [&str; 3] = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "];

/// The lowest limit of the process's group and of those around it; none where there is none.
pub(super) fn limit(process: &Path, groups: &Path) -> Option<u64> {
    let group = group(process, groups)?;
    let limits = group.folder.ancestors().take_while(|folder| folder.starts_with(&group.root));
    let [limit, ..] = group.names;
    limits.filter_map(|folder| number(&folder.join(limit))).filter(|limit| *limit < NO_LIMIT).min()
}

/// What is used: what the group can't give back, or the process's resident memory where that is more.
pub(super) fn used(process: &Path, groups: &Path) -> u64 {
    let of_the_group = group(process, groups).and_then(|group| {
        let [_, used, inactive] = group.names;
        let used = number(&group.folder.join(used))?;
        let stat = std::fs::read_to_string(group.folder.join("memory.stat")).unwrap_or_default();
        let inactive = stat.lines().find_map(|line| line.strip_prefix(inactive)?.trim().parse::<u64>().ok());
        Some(used.saturating_sub(inactive.unwrap_or(0)))
    });
    let resident = resident(process).unwrap_or(0);
    // A group may hold more than this process, and a process on a machine of its own is in a group with others: only
    // where there is a limit does the group's figure say how close it is.
    match limit(process, groups) {
        Some(_) => resident.max(of_the_group.unwrap_or(0)),
        None => resident,
    }
}

fn resident(process: &Path) -> Option<u64> {
    let status = std::fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The group that the process's memory is counted in. Lines are `hierarchy:controllers:path`.
fn group(process: &Path, groups: &Path) -> Option<Group> {
    let text = std::fs::read_to_string(process.join("cgroup")).ok()?;
    let lines = || text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    let first = lines().find(|(controllers, _)| controllers.split(',').any(|one| one == "memory"));
    let (root, path, names) = match first {
        Some((_, path)) => (groups.join("memory"), path, VERSION_1),
        None => (groups.to_path_buf(), lines().find(|(controllers, _)| controllers.is_empty())?.1, VERSION_2),
    };
    // In a container the path can be the host's, which is not there; what is mounted is the container's own group then.
    let inside = root.join(path.trim_start_matches('/'));
    let there = inside.starts_with(&root) && !path.contains("..") && inside.join(names[1]).exists();
    Some(Group { folder: if there { inside } else { root.clone() }, root, names })
}

fn number(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn with(group: &str, files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let write = |path: &Path, text: &str| {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            };
            write(&folder.path().join("self/cgroup"), group);
            write(&folder.path().join("self/status"), "Name:\tx\nVmRSS:\t    2048 kB\n");
            files.iter().for_each(|(path, text)| write(&folder.path().join("groups").join(path), text));
            Self(folder)
        }

        fn limit(&self) -> Option<u64> {
            limit(&self.0.path().join("self"), &self.0.path().join("groups"))
        }

        fn used(&self) -> u64 {
            used(&self.0.path().join("self"), &self.0.path().join("groups"))
        }
    }

    /// What `/proc/self/cgroup` says, the files there are, and the limit that they mean.
    type Row = (&'static str, &'static [(&'static str, &'static str)], Option<u64>);

    #[test]
    fn the_lowest_limit_around_a_process_is_its_limit() {
        let rows: &[Row] = &[
            ("0::/\n", &[("memory.max", "1000\n"), ("memory.current", "1")], Some(1000)),
            ("0::/\n", &[("memory.max", "max\n"), ("memory.current", "1")], None),
            (
                "0::/a/b\n",
                &[("a/b/memory.max", "max"), ("a/b/memory.current", "1"), ("a/memory.max", "700")],
                Some(700),
            ),
            (
                "0::/a/b\n",
                &[("a/b/memory.max", "500"), ("a/b/memory.current", "1"), ("a/memory.max", "700")],
                Some(500),
            ),
            // The host's path, in a container without a namespace for groups.
            ("0::/kubepods/pod1\n", &[("memory.max", "300"), ("memory.current", "1")], Some(300)),
            ("0::/../outside\n", &[("memory.max", "300"), ("memory.current", "1")], Some(300)),
            (
                "5:cpu,memory:/a\n0::/\n",
                &[("memory/a/memory.limit_in_bytes", "900"), ("memory/a/memory.usage_in_bytes", "1")],
                Some(900),
            ),
            (
                "4:memory:/a\n",
                &[
                    ("memory/a/memory.limit_in_bytes", "9223372036854771712"),
                    ("memory/a/memory.usage_in_bytes", "1"),
                    ("memory/memory.limit_in_bytes", "800"),
                ],
                Some(800),
            ),
            ("0::/\n", &[], None),
            ("nonsense\n", &[("memory.max", "1000")], None),
            ("", &[], None),
        ];
        for (group, files, expected) in rows {
            assert_eq!(Machine::with(group, files).limit(), *expected, "{group:?} {files:?}");
        }
    }

    #[test]
    fn what_can_be_given_back_is_not_used() {
        let stat = "anon 5\ninactive_file 4000000\n";
        let files = [("memory.max", "9000000"), ("memory.current", "8000000"), ("memory.stat", stat)];
        assert_eq!(Machine::with("0::/\n", &files).used(), 4_000_000);
        let files = [("memory.max", "9000000"), ("memory.current", "1000000")];
        assert_eq!(
            Machine::with("0::/\n", &files).used(),
            2048 * 1024,
            "it is never less than what is resident"
        );
        let files = [("memory.max", "max"), ("memory.current", "8000000")];
        assert_eq!(
            Machine::with("0::/\n", &files).used(),
            2048 * 1024,
            "without a limit the others do not count"
        );
    }
}
