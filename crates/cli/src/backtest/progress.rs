//! The progress bars of a backtest, one after the other. Drawn on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use recommend_backtest::Progress;

/// One bar for the part that runs.
#[derive(Default)]
pub(crate) struct Bars(Mutex<Option<ProgressBar>>);

impl Progress for Bars {
    fn begin(&self, part: &str, steps: u64) {
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
        if let Ok(style) =
            ProgressStyle::with_template("{prefix:20} {bar:30} {pos}/{len}  {per_sec}  {eta} left")
        {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.set_prefix(part.to_owned());
        if let Some(before) = self.0.lock().replace(bar) {
            before.finish_and_clear();
        }
    }

    fn advance(&self, steps: u64) {
        if let Some(bar) = &*self.0.lock() {
            bar.inc(steps);
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        if let Some(bar) = self.0.get_mut() {
            bar.finish_and_clear();
        }
    }
}
