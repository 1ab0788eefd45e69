//! The progress bar of an import: share of the file, rows a second, time left. Drawn on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::table::Progress;

/// A bar over one input.
pub(crate) struct Bar {
    bar: ProgressBar,
    progress: Progress,
}

impl Bar {
    /// A bar with a name before it.
    pub(crate) fn new(name: &str, progress: Progress) -> Self {
        let bar = ProgressBar::with_draw_target(Some(progress.total), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{prefix} {bar:30} {percent:>3} %  {msg}  {eta} left");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.set_prefix(name.to_owned());
        Bar { bar, progress }
    }

    /// Shows how far it is, after so many rows in all.
    pub(crate) fn tick(&self, rows: u64) {
        self.bar.set_position(self.progress.done());
        let seconds = self.bar.elapsed().as_secs_f64();
        if seconds > 0.0 && !self.bar.is_hidden() {
            self.bar.set_message(format!("{rows} rows, {:.0} a second", rows as f64 / seconds));
        }
    }

    /// Takes the bar away: the summary says the rest.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
