//! A seeded workspace shaped like those on Slack: its people, channels and contacts, ninety days of history, and people
//! who look at recommendations and click.
//!
//! Everybody and everything lies in a hidden space of tastes. Teams, interests, time zones and habits follow from it,
//! and what people did follows from those: heavy-tailed, quiet at night, alike with alike. A recommender sees only what
//! people did; [`Workspace::would_click`] answers from what they like. That makes the workspace a place where a
//! recommender can be right or wrong, and where it can be told which.
//!
//! | part | what it holds |
//! |---|---|
//! | [`Settings`] | size, length, seed; the same settings give the same workspace on every machine |
//! | [`Workspace`] | people, teams, channels, contacts, and everything that happened, by time |
//! | [`Workspace::batches`] | the same as batches for a store: corpora `channel`, `user`, `contact` |
//! | [`Personas`] | who would ask which recommender, and the true optimum of what they could be shown |
//! | [`Workspace::would_click`] | what a person does with a slate, with position bias |
//! | [`Workspace::expected_clicks`] | how much that is on average |
//!
//! Kinds of interaction: on channels `message`, `read`, `reaction`, `channel_join`, `channel_leave`, `dismiss`; on users
//! `dm`, `mention`, `reaction`, `meeting`; on contacts `meeting`, `invite`, `invite_open`, `invite_accept`. Attributes: of
//! channels `private`, `archived`, `owner`, `created`, `topic`, `purpose`; of users `created`, `deactivated`, `manager`,
//! `site`, `team`, `team_channel`, `utc_offset`; of contacts `created`, `company`.

mod audience;
mod cast;
mod chance;
mod channels;
mod contacts;
mod history;
mod output;
mod people;
mod personas;
mod rhythm;
mod settings;
mod taste;
mod words;
mod workspace;

pub use audience::{Response, Visit, action_of};
pub use channels::{Channel, ChannelKind};
pub use contacts::Contact;
pub use history::{Action, Event};
pub use people::{Person, Team};
pub use personas::{Ask, Personas};
pub use rhythm::Site;
pub use settings::{Settings, SimulatorError};
pub use workspace::Workspace;
