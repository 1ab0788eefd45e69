//! The client's side: prepared requests over several connections, closed-loop or open-loop.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rand::{RngExt, SeedableRng};
use recommend_server::proto::RecommendRequest;
use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use tokio::task::{JoinSet, LocalSet};
use tonic::transport::{Channel, Endpoint};

use crate::process::ServerProcess;

const CONNECTIONS: usize = 4;

/// A client that is connected and has its requests ready.
pub(crate) struct Load {
    runtime: tokio::runtime::Runtime,
    clients: Vec<RecommendServiceClient<Channel>>,
    requests: Vec<RecommendRequest>,
}

/// What came back.
pub(crate) struct Answers {
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    took: Duration,
    /// Microseconds.
    latency: Histogram<u64>,
    /// The same by when each request was due, a tenth of a second each.
    windows: Vec<Vec<u32>>,
}

impl Answers {
    pub(crate) fn per_second(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.took.as_secs_f64()
    }

    pub(crate) fn milliseconds(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// The quantile within each tenth of a second, and of those the median: what it is while the machine does not stop
    /// both processes for a time slice, as virtual machines do a few times a second.
    pub(crate) fn calm_milliseconds(&self, quantile: f64) -> f64 {
        let of_window = |window: &Vec<u32>| {
            let mut sorted = window.clone();
            sorted.sort_unstable();
            let last = sorted.len().checked_sub(1)?;
            sorted.get((last as f64 * quantile).ceil() as usize).copied()
        };
        let mut quantiles: Vec<u32> = self.windows.iter().filter_map(of_window).collect();
        quantiles.sort_unstable();
        quantiles.get(quantiles.len() / 2).map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
    }
}

/// Counts while the tasks run; all on one thread.
struct Tally {
    answered: u64,
    failed: u64,
    latency: Histogram<u64>,
    windows: Vec<Vec<u32>>,
    start: Instant,
}

impl Load {
    /// Connects.
    pub(crate) fn new(server: &ServerProcess) -> Result<Self, Box<dyn std::error::Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let endpoint = Endpoint::from_shared(server.address.clone())?.tcp_nodelay(true);
        let clients = runtime.block_on(async {
            let mut clients = Vec::new();
            for _ in 0..CONNECTIONS {
                clients.push(RecommendServiceClient::new(endpoint.connect().await?));
            }
            Ok::<_, tonic::transport::Error>(clients)
        })?;
        let request = |user: &String| RecommendRequest {
            tenant: server.tenant.clone(),
            user: user.clone(),
            corpus: "channel".to_owned(),
            source: "channel-browser".to_owned(),
            limit: 10,
            ..RecommendRequest::default()
        };
        Ok(Load { runtime, clients, requests: server.users.iter().map(request).collect() })
    }

    /// Keeps so many requests in flight for so long.
    pub(crate) fn closed(
        &self,
        in_flight: usize,
        seconds: f64,
    ) -> Result<Answers, Box<dyn std::error::Error>> {
        self.run(|load, tally| async move {
            let end = Instant::now() + Duration::from_secs_f64(seconds);
            let mut workers = JoinSet::new();
            for worker in 0..in_flight {
                let (mut client, tally) = (load.clients[worker % CONNECTIONS].clone(), tally.clone());
                let requests = load.requests.clone();
                workers.spawn_local(async move {
                    let mut at = worker * 7919;
                    while Instant::now() < end {
                        at += 1;
                        ask(&mut client, &requests[at % requests.len()], Instant::now(), &tally).await;
                    }
                });
            }
            while workers.join_next().await.is_some() {}
        })
    }

    /// Starts requests at Poisson times, whether or not earlier ones have been answered; the latency of each counts
    /// from when it was due, so that a stall is not hidden by the requests that it delayed.
    pub(crate) fn open(&self, per_second: f64, seconds: f64) -> Result<Answers, Box<dyn std::error::Error>> {
        self.run(|load, tally| async move {
            let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(1);
            let (start, mut due, mut at) = (Instant::now(), 0.0_f64, 0_usize);
            let mut asked = JoinSet::new();
            while due < seconds {
                due += -(1.0 - rng.random::<f64>()).ln() / per_second;
                let due = start + Duration::from_secs_f64(due);
                // A timer is too coarse for this; giving way lets answers come in meanwhile, and who shares the core work.
                while Instant::now() < due {
                    std::thread::yield_now();
                    tokio::task::yield_now().await;
                }
                at += 1;
                let (mut client, tally) = (load.clients[at % CONNECTIONS].clone(), tally.clone());
                let request = load.requests[at * 7919 % load.requests.len()].clone();
                asked.spawn_local(async move { ask(&mut client, &request, due, &tally).await });
                while asked.try_join_next().is_some() {}
            }
            while asked.join_next().await.is_some() {}
        })
    }

    fn run<'a, F: Future<Output = ()> + 'a>(
        &'a self,
        drive: impl FnOnce(&'a Load, Rc<RefCell<Tally>>) -> F,
    ) -> Result<Answers, Box<dyn std::error::Error>> {
        let latency = Histogram::new_with_bounds(1, 60_000_000, 3)?;
        let start = Instant::now();
        let tally = Tally { answered: 0, failed: 0, latency, windows: Vec::new(), start };
        let tally = Rc::new(RefCell::new(tally));
        LocalSet::new().block_on(&self.runtime, drive(self, tally.clone()));
        let took = start.elapsed();
        let tally = Rc::try_unwrap(tally).map_err(|_| "a request is still counted")?.into_inner();
        let Tally { answered, failed, latency, windows, .. } = tally;
        Ok(Answers { answered, failed, took, latency, windows })
    }
}

async fn ask(
    client: &mut RecommendServiceClient<Channel>,
    request: &RecommendRequest,
    due: Instant,
    tally: &RefCell<Tally>,
) {
    let answer = client.recommend(request.clone()).await;
    let mut tally = tally.borrow_mut();
    match answer {
        Ok(answer) if !answer.get_ref().recommendations.is_empty() => {
            tally.answered += 1;
            let micros = due.elapsed().as_micros() as u64;
            tally.latency.saturating_record(micros);
            let window = due.duration_since(tally.start).as_millis() as usize / 100;
            if tally.windows.len() <= window {
                tally.windows.resize_with(window + 1, Vec::new);
            }
            tally.windows[window].push(u32::try_from(micros).unwrap_or(u32::MAX));
        }
        Ok(_) => tally.failed += 1,
        Err(status) => {
            if tally.failed == 0 {
                eprintln!("the first failure: {status}");
            }
            tally.failed += 1;
        }
    }
}

/// NaN of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
