//! The process itself, under the names that every Prometheus client uses for it.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;

/// What the system says of this process, where it says it as Linux does.
pub(super) struct Process {
    resident: Gauge,
    open: Gauge,
    most_open: Gauge,
    cpu: Counter<f64, AtomicU64>,
    started: Gauge<f64, AtomicU64>,
}

/// Linux tells times in hundredths of a second, whatever the kernel's own clock does (`USER_HZ`).
const TICKS: f64 = 100.0;

impl Process {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let process = Self {
            resident: Gauge::default(),
            open: Gauge::default(),
            most_open: Gauge::default(),
            cpu: Counter::default(),
            started: Gauge::default(),
        };
        let to = registry.sub_registry_with_prefix("process");
        to.register_with_unit("resident_memory", "Resident memory", Unit::Bytes, process.resident.clone());
        to.register("open_fds", "Open files and sockets", process.open.clone());
        to.register("max_fds", "The most that it may have open", process.most_open.clone());
        to.register_with_unit("cpu", "Processor time", Unit::Seconds, process.cpu.clone());
        to.register_with_unit("start_time", "When it was started", Unit::Seconds, process.started.clone());
        process
    }

    /// Reads the figures anew. What can't be read stays as it was.
    pub(super) fn look(&self) {
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let status = read("/proc/self/status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        if let Some(kilobytes) = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<i64>().ok())
        {
            self.resident.set(kilobytes.saturating_mul(1024));
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            // One of them is the folder that is being read.
            self.open.set(i64::try_from(open.count()).unwrap_or(i64::MAX).saturating_sub(1));
        }
        let limits = read("/proc/self/limits");
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
        if let Some(most) = line.and_then(|line| line.split_whitespace().next()?.parse().ok()) {
            self.most_open.set(most);
        }
        let stat = read("/proc/self/stat");
        // The name of the program, which may have spaces, ends with the last parenthesis; the state comes next.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let field = |n: usize| fields.split_whitespace().nth(n)?.parse::<f64>().ok();
        if let (Some(user), Some(system)) = (field(11), field(12)) {
            self.cpu.inner().store(((user + system) / TICKS).to_bits(), std::sync::atomic::Ordering::Relaxed);
        }
        let boot = read("/proc/stat");
        let boot = boot.lines().find_map(|line| line.strip_prefix("btime ")?.parse::<f64>().ok());
        if let (Some(boot), Some(after)) = (boot, field(19)) {
            self.started.set(boot + after / TICKS);
        }
    }
}
