//! The progress bar of a training. Drawn on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use recommend_training::trainers::Progress;

/// One bar for one spec.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(name: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{prefix:28} {bar:24} {pos}/{len}  {msg}  {eta} left")
        {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.set_prefix(name.to_owned());
        Bar(bar)
    }

    pub(super) fn finish(self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn step(&self, done: usize, of: usize, note: &str) {
        self.0.set_length(of as u64);
        self.0.set_position(done as u64);
        self.0.set_message(note.to_owned());
    }
}
