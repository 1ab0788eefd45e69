//! A row as it lies in Redis: what it was folded to, and what was appended since.
//!
//! Every write is an `APPEND`, so that writers never wait for each other and none reads what it changes. When a row has
//! grown by half, whoever notices folds it: reads it, and puts the folded bytes in place of those that it read, if
//! nobody else has done so meanwhile.
//!
//! | bytes | |
//! |---|---|
//! | `0`, u32, u64, entries | only at the beginning: how long this part is, and a number by which its folding is told from others |
//! | entries | a tag and what it says, see `event_row.rs` and `facts.rs` |

use super::event_row::{EventRow, Shape};
use super::event_view::EventView;
use super::facts::{FactsRow, TiesRow};
use super::intern::Names;
use super::keys::RowKind;
use crate::embedded::decode::Input;

const FOLDED: u8 = 0;
const HEADER: usize = 13;

/// A row that was read.
#[derive(Debug)]
pub(crate) enum Row {
    Facts(FactsRow),
    Ties(TiesRow),
    Events(EventView),
}

impl Row {
    /// What a row without bytes is.
    pub(crate) fn empty(kind: RowKind) -> Self {
        match kind {
            RowKind::Facts => Row::Facts(FactsRow::default()),
            RowKind::Ties => Row::Ties(TiesRow::default()),
            RowKind::Entity | RowKind::User | RowKind::Corpus => Row::Events(EventView::default()),
        }
    }

    /// Reads a row.
    pub(crate) fn read(kind: RowKind, bytes: &[u8], names: &Names) -> Result<Self, &'static str> {
        Ok(match kind {
            RowKind::Facts => {
                let mut row = FactsRow::default();
                entries(bytes, |tag, input| row.apply(tag, input, names))?;
                Row::Facts(row)
            }
            RowKind::Ties => {
                let mut row = TiesRow::default();
                entries(bytes, |tag, input| row.apply(tag, input, names))?;
                Row::Ties(row)
            }
            kind => Row::Events(EventView::new(events(kind, bytes, names)?)),
        })
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Row::Facts(row) => 200 + (row.attributes.len() * 48) + row.features.len() * 32,
            Row::Ties(row) => {
                let ties = row.relations.iter().map(|(_, set)| 64 + set.len() * 24).sum::<usize>();
                200 + ties + row.pairs.values().map(|values| 64 + values.len() * 32).sum::<usize>()
            }
            Row::Events(view) => view.bytes(),
        }
    }

    pub(crate) fn facts(&self) -> Option<&FactsRow> {
        if let Row::Facts(row) = self { Some(row) } else { None }
    }

    pub(crate) fn ties(&self) -> Option<&TiesRow> {
        if let Row::Ties(row) = self { Some(row) } else { None }
    }

    pub(crate) fn events(&self) -> Option<&EventView> {
        if let Row::Events(view) = self { Some(view) } else { None }
    }
}

/// A row of interactions, in order and within its shape.
pub(crate) fn events(kind: RowKind, bytes: &[u8], names: &Names) -> Result<EventRow, &'static str> {
    let mut row = EventRow::default();
    entries(bytes, |tag, input| row.apply(tag, input, names))?;
    row.settle(match kind {
        RowKind::User => Shape::USER,
        RowKind::Corpus => Shape::CORPUS,
        _ => Shape::ENTITY,
    });
    Ok(row)
}

/// The folded bytes of a row. `number` tells this folding from others.
pub(crate) fn fold(kind: RowKind, bytes: &[u8], number: u64, names: &Names) -> Result<Vec<u8>, &'static str> {
    let mut out = vec![FOLDED, 0, 0, 0, 0];
    out.extend_from_slice(&number.to_le_bytes());
    match kind {
        RowKind::Facts => {
            let mut row = FactsRow::default();
            entries(bytes, |tag, input| row.apply(tag, input, names))?;
            row.encode(&mut out);
        }
        RowKind::Ties => {
            let mut row = TiesRow::default();
            entries(bytes, |tag, input| row.apply(tag, input, names))?;
            row.encode(&mut out);
        }
        kind => events(kind, bytes, names)?.encode(&mut out),
    }
    let length = u32::try_from(out.len()).map_err(|_| "it is longer than a row can be")?;
    out[1..5].copy_from_slice(&length.to_le_bytes());
    Ok(out)
}

fn entries(
    bytes: &[u8],
    mut apply: impl FnMut(u8, &mut Input<'_>) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let mut input = Input(bytes);
    if bytes.first() == Some(&FOLDED) {
        input.0 = bytes.get(HEADER..).ok_or("it is shorter than it should be")?;
    }
    while !input.0.is_empty() {
        let tag = input.byte()?;
        apply(tag, &mut input)?;
    }
    Ok(())
}
