//! Guards: what a component may do to a run. It may fail, panic or run late; the run learns of it as an error.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;

use super::super::Component;
use crate::error::ComponentError;
use crate::time::Deadline;

/// Runs a component's future under its deadline, turning a panic (in the call or in the future) into an error.
pub(super) async fn guarded<'a, T, C: ?Sized, F>(
    component: &Component<C>,
    deadline: Deadline,
    start: impl FnOnce() -> F,
) -> Result<T, ComponentError>
where
    F: Future<Output = Result<T, ComponentError>> + 'a,
{
    let limit = match component.timeout {
        Some(timeout) => deadline.min(Deadline::after(timeout)),
        None => deadline,
    };
    within(limit, start).await
}

/// The same for what is not a component.
pub(super) async fn within<T, F: Future<Output = Result<T, ComponentError>>>(
    deadline: Deadline,
    start: impl FnOnce() -> F,
) -> Result<T, ComponentError> {
    let future = AssertUnwindSafe(async { start().await }).catch_unwind();
    match tokio::time::timeout_at(deadline.instant(), future).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(ComponentError::Panicked(panic_message(&*panic))),
        Err(_) => Err(ComponentError::Timeout),
    }
}

/// The same for what may not be wanted at all.
pub(super) async fn wanted<T, F: Future<Output = Result<T, ComponentError>>>(
    wanted: bool,
    deadline: Deadline,
    start: impl FnOnce() -> F,
) -> Option<Result<T, ComponentError>> {
    match wanted {
        true => Some(within(deadline, start).await),
        false => None,
    }
}

/// Turns a panic of a call into an error.
pub(super) fn caught<T>(call: impl FnOnce() -> Result<T, ComponentError>) -> Result<T, ComponentError> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|panic| Err(ComponentError::Panicked(panic_message(&*panic))))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "no message".to_owned(),
    }
}
