//! What every call passes first, gRPC or JSON: the bound on calls in flight, the deadline, a catch for panics, and the
//! count by method and code.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::FutureExt;
use http::{HeaderMap, Request, Response};
use recommend_core::Deadline;
use recommend_monitoring::{MethodMetrics, Metrics};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::config::MAX_TIMEOUT;
use crate::limits::MAX_REQUEST_BYTES;

/// The deadline that the client set, if any; an extension of each request.
#[derive(Clone, Copy)]
pub(crate) struct CallDeadline(pub(crate) Option<Deadline>);

/// Bounds the calls in flight over all connections and transports.
pub(crate) struct Gate {
    permits: Arc<Semaphore>,
    max: usize,
    metrics: Metrics,
    methods: Vec<(&'static str, MethodMetrics)>,
}

/// The methods by the last part of their path, which gRPC and JSON have in common.
const METHODS: [(&str, &str, &str); 6] = [
    ("Recommend", "/recommend.v1.RecommendService/Recommend", "/v1/recommend"),
    ("RecordInteractions", "/recommend.v1.RecommendService/RecordInteractions", "/v1/interactions"),
    ("ListRecommenders", "/recommend.v1.RecommendService/ListRecommenders", "/v1/recommenders"),
    ("PutEntities", "/recommend.v1.CatalogService/PutEntities", "/v1/entities"),
    ("PutRelations", "/recommend.v1.CatalogService/PutRelations", "/v1/relations"),
    ("PutFeatures", "/recommend.v1.CatalogService/PutFeatures", "/v1/features"),
];

impl Gate {
    pub(crate) fn new(max: usize, metrics: &Metrics) -> Arc<Self> {
        let methods = METHODS
            .iter()
            .flat_map(|(method, grpc, json)| {
                let handles = metrics.method(method);
                [(*grpc, handles.clone()), (*json, handles)]
            })
            .collect();
        Arc::new(Gate { permits: Arc::new(Semaphore::new(max)), max, metrics: metrics.clone(), methods })
    }

    /// Health, reflection and metrics are not counted and never refused.
    fn method(&self, path: &str) -> Option<&MethodMetrics> {
        self.methods.iter().find(|(known, _)| *known == path).map(|(_, metrics)| metrics)
    }

    /// No call gets in any more.
    pub(crate) fn close(&self) {
        self.permits.close();
    }
}

/// Puts [`Front`] before a service; `answer` turns a status into a response of its transport.
pub(crate) struct FrontLayer<R> {
    pub(crate) gate: Arc<Gate>,
    pub(crate) answer: fn(Status) -> Response<R>,
}

impl<R> Clone for FrontLayer<R> {
    fn clone(&self) -> Self {
        FrontLayer { gate: self.gate.clone(), answer: self.answer }
    }
}

impl<S, R> Layer<S> for FrontLayer<R> {
    type Service = Front<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Front { inner, layer: self.clone() }
    }
}

/// The service before the services.
pub(crate) struct Front<S, R> {
    inner: S,
    layer: FrontLayer<R>,
}

impl<S: Clone, R> Clone for Front<S, R> {
    fn clone(&self) -> Self {
        Front { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for Front<S, R>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let started = Instant::now();
        let (gate, answer) = (self.layer.gate.clone(), self.layer.answer);
        let Some(method) = gate.method(request.uri().path()).cloned() else {
            return Box::pin(self.inner.call(request));
        };
        let timeout = timeout(request.headers());
        let deadline = Deadline::after(timeout.unwrap_or(MAX_TIMEOUT).min(MAX_TIMEOUT));
        request.extensions_mut().insert(CallDeadline(timeout.map(|_| deadline)));
        // Whether it gets in is decided before anything of it is read.
        let place = match gate.permits.clone().try_acquire_owned() {
            Ok(permit) => Place::new(permit, &gate),
            Err(refused) => {
                let status = match refused {
                    TryAcquireError::NoPermits => Status::resource_exhausted(format!(
                        "{} calls are in flight, which is all that this server takes; try again with back-off",
                        gate.max
                    )),
                    TryAcquireError::Closed => Status::unavailable("the server stops; call another one"),
                };
                method.finished(started.elapsed(), status.code() as i32);
                let response = answer(status);
                return Box::pin(async move { Ok(response) });
            }
        };
        // The call's future is made under the catch too: generated code may panic before its first await.
        let work = std::panic::catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        Box::pin(async move {
            let _place = place;
            let caught = match work {
                Ok(work) => {
                    tokio::time::timeout_at(deadline.instant(), AssertUnwindSafe(work).catch_unwind()).await
                }
                Err(panic) => Ok(Err(panic)),
            };
            let response = match caught {
                Ok(Ok(result)) => result?,
                Ok(Err(_)) => {
                    tracing::error!("a call panicked; the message is on stderr");
                    answer(Status::internal("the server failed to work on this call"))
                }
                Err(_) => answer(Status::deadline_exceeded("the deadline passed before there was an answer")),
            };
            let response = explained(response, answer);
            let code = response.extensions().get::<Status>().map_or(Code::Ok, Status::code);
            method.finished(started.elapsed(), code as i32);
            Ok(response)
        })
    }
}

/// A message that is too large is the client's mistake, and which bound it met should be said.
fn explained<R>(response: Response<R>, answer: fn(Status) -> Response<R>) -> Response<R> {
    match response.extensions().get::<Status>() {
        Some(status) if status.code() == Code::OutOfRange => answer(Status::invalid_argument(format!(
            "a request has at most {MAX_REQUEST_BYTES} bytes; send it in parts ({})",
            status.message()
        ))),
        _ => response,
    }
}

/// A place among the calls in flight, given back when the call is over or given up.
struct Place {
    _permit: OwnedSemaphorePermit,
    gate: Arc<Gate>,
}

impl Place {
    fn new(permit: OwnedSemaphorePermit, gate: &Arc<Gate>) -> Self {
        gate.metrics.in_flight().inc();
        Place { _permit: permit, gate: gate.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.metrics.in_flight().dec();
    }
}

/// `grpc-timeout`: up to 8 digits and a unit. Anything else is no deadline, as the gRPC libraries have it.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n * 3600)),
        "M" => Some(Duration::from_secs(n * 60)),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tower::{ServiceExt, service_fn};

    use super::*;

    const RECOMMEND: &str = "/recommend.v1.RecommendService/Recommend";

    fn layer(max: usize) -> (FrontLayer<()>, Metrics) {
        let metrics = Metrics::new("0").unwrap();
        (FrontLayer { gate: Gate::new(max, &metrics), answer: |status| status.into_http() }, metrics)
    }

    fn request(path: &str) -> Request<()> {
        let mut request = Request::new(());
        *request.uri_mut() = path.parse().unwrap();
        request
    }

    fn code(response: &Response<()>) -> Code {
        response.extensions().get::<Status>().map_or(Code::Ok, Status::code)
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_and_gives_its_place_back() {
        let (layer, metrics) = layer(1);
        let early = layer.layer(service_fn(|_: Request<()>| -> futures::future::Ready<Result<_, ()>> {
            panic!("this panic belongs to a test")
        }));
        let late = layer.layer(service_fn(|_: Request<()>| async {
            tokio::task::yield_now().await;
            panic!("this panic belongs to a test");
            #[expect(unreachable_code, reason = "gives the block its type")]
            Ok::<Response<()>, ()>(Response::new(()))
        }));
        for _ in 0..2 {
            assert_eq!(code(&early.clone().oneshot(request(RECOMMEND)).await.unwrap()), Code::Internal);
            assert_eq!(code(&late.clone().oneshot(request(RECOMMEND)).await.unwrap()), Code::Internal);
        }
        let line = "recommend_calls_total{code=\"internal\",method=\"Recommend\"} 4";
        assert!(metrics.encode().unwrap().contains(line));
        assert_eq!(metrics.in_flight().get(), 0);
    }

    #[tokio::test]
    async fn after_closing_calls_are_refused_but_health_is_not() {
        let (layer, _) = layer(1);
        let ok = layer.layer(service_fn(|_: Request<()>| async { Ok::<_, ()>(Response::new(())) }));
        assert_eq!(code(&ok.clone().oneshot(request(RECOMMEND)).await.unwrap()), Code::Ok);
        layer.gate.close();
        assert_eq!(code(&ok.clone().oneshot(request(RECOMMEND)).await.unwrap()), Code::Unavailable);
        assert_eq!(
            code(&ok.clone().oneshot(request("/grpc.health.v1.Health/Check")).await.unwrap()),
            Code::Ok
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_ends_a_call_that_hangs() {
        let (layer, _) = layer(1);
        let hangs = layer.layer(service_fn(|request: Request<()>| async move {
            assert!(request.extensions().get::<CallDeadline>().is_some_and(|deadline| deadline.0.is_some()));
            std::future::pending::<Result<Response<()>, ()>>().await
        }));
        let mut request = request(RECOMMEND);
        request.headers_mut().insert("grpc-timeout", "50m".parse().unwrap());
        assert_eq!(code(&hangs.oneshot(request).await.unwrap()), Code::DeadlineExceeded);
    }

    #[test]
    fn a_timeout_is_up_to_eight_digits_and_a_unit() {
        let parse = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            timeout(&headers)
        };
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(parse("0n"), Some(Duration::ZERO));
        for bad in ["", "m", "5", "-5m", "123456789m", "5x", "5 m"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
        assert_eq!(timeout(&HeaderMap::new()), None);
    }
}
