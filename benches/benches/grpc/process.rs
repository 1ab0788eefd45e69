//! The server as a process of its own: started from this very program, pinned, measured, stopped.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::serve::{Case, Ended};

type Failure = Box<dyn std::error::Error>;

/// Keeps this process, and the threads that it starts from now on, on one core.
pub(crate) fn pin(core: usize) -> std::io::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut set = rustix::thread::CpuSet::new();
    set.set(core % cores);
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// A running server.
pub(crate) struct ServerProcess {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
    /// The workspace that it serves.
    pub(crate) tenant: String,
    /// Who may ask.
    pub(crate) users: Vec<String>,
    output: BufReader<ChildStdout>,
}

impl ServerProcess {
    /// Starts it and waits until it listens.
    pub(crate) fn start(case: &Case) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .env(Case::VARIABLE, serde_json::to_string(case)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("the server has no output")?);
        let (mut address, mut workspace) = (String::new(), String::new());
        output.read_line(&mut address)?;
        output.read_line(&mut workspace)?;
        if workspace.is_empty() {
            return Err(format!("the server did not start: {}", child.wait()?).into());
        }
        let (tenant, users) = serde_json::from_str(&workspace)?;
        Ok(ServerProcess { child, address: address.trim().to_owned(), tenant, users, output })
    }

    /// CPU seconds used so far, in user and kernel, of all its threads.
    pub(crate) fn cpu(&self) -> Result<f64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        Ok(ticks(&stat)?.1)
    }

    /// CPU seconds used so far by the threads whose names begin so.
    pub(crate) fn cpu_of(&self, prefix: &str) -> Result<f64, Failure> {
        let mut sum = 0.0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let stat = std::fs::read_to_string(thread?.path().join("stat"))?;
            let (name, seconds) = ticks(&stat)?;
            sum += if name.starts_with(prefix) { seconds } else { 0.0 };
        }
        Ok(sum)
    }

    /// Stops it; what it says at its end.
    pub(crate) fn stop(mut self) -> Result<Ended, Failure> {
        if let Some(mut stdin) = self.child.stdin.take() {
            stdin.write_all(b"stop\n")?;
        }
        let mut rest = String::new();
        self.output.read_to_string(&mut rest)?;
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("the server ended with {status}").into());
        }
        Ok(serde_json::from_str(rest.trim())?)
    }
}

/// The name and the CPU seconds that a `stat` file of a process or a thread tells.
fn ticks(stat: &str) -> Result<(&str, f64), Failure> {
    // The fields after the name, which is in parentheses; utime and stime are the 14th and 15th of all.
    let (head, rest) = stat.rsplit_once(')').ok_or("an unreadable /proc/…/stat")?;
    let name = head.split_once('(').map_or("", |(_, name)| name);
    let ticks: Vec<f64> =
        rest.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok((name, ticks.iter().sum::<f64>() / rustix::param::clock_ticks_per_second() as f64))
}
