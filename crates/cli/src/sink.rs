//! Where an import writes: a data folder of this machine, a running server, or nowhere (a dry run).

mod local;
mod remote;

pub(crate) use remote::timestamp;

use anyhow::Result;

use self::local::Local;
use self::remote::Remote;
use crate::records::{Batch, Written};
use crate::target::Destination;

/// An open destination.
pub(crate) enum Sink {
    /// The data folder, opened by this process alone.
    Local(Box<Local>),
    /// A server, over gRPC.
    Remote(Box<Remote>),
    /// Nothing is written.
    Nowhere,
}

impl Sink {
    /// Opens a destination.
    ///
    /// # Errors
    /// When the folder cannot be opened (a server may have it), or the server not be reached.
    pub(crate) async fn open(destination: &Destination) -> Result<Self> {
        Ok(match &destination.to {
            Some(address) => Sink::Remote(Box::new(Remote::connect(address, &destination.tenant).await?)),
            None => Sink::Local(Box::new(Local::open(destination).await?)),
        })
    }

    /// A sink that takes everything and keeps nothing.
    pub(crate) fn nowhere() -> Self {
        Sink::Nowhere
    }

    /// Whether nothing is written.
    pub(crate) fn is_nowhere(&self) -> bool {
        matches!(self, Sink::Nowhere)
    }

    /// Writes a batch; when it returns, all of it is durable.
    ///
    /// # Errors
    /// When the destination does not take it; parts of the import before it are written.
    pub(crate) async fn write(&mut self, batch: Batch) -> Result<Written> {
        match self {
            Sink::Local(local) => local.write(batch).await,
            Sink::Remote(remote) => remote.write(batch).await,
            Sink::Nowhere => Ok(Written::default()),
        }
    }

    /// Brings all to disk.
    ///
    /// # Errors
    /// When that fails.
    pub(crate) async fn close(self) -> Result<()> {
        match self {
            Sink::Local(local) => local.close().await,
            Sink::Remote(_) | Sink::Nowhere => Ok(()),
        }
    }
}
