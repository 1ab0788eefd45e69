//! `recommend embed text`: what people write becomes one vector per user and entity, and no text is kept.

mod args;
#[cfg(feature = "text")]
mod read;
#[cfg(feature = "text")]
mod run;

pub(crate) use self::args::TextArgs;
#[cfg(feature = "text")]
pub(super) use self::run::run;

/// Runs `recommend embed text`.
///
/// # Errors
/// Always: this binary was built without models of text.
#[cfg(not(feature = "text"))]
pub(super) async fn run(args: TextArgs) -> anyhow::Result<crate::exit::Exit> {
    args.check()?;
    anyhow::bail!(
        "cannot embed into {}: this binary was built without models of text, which take minutes to build; build it with \
         cargo build --release -p recommend --features text",
        args.embedding
    )
}
