use proptest::prelude::*;

use super::*;
use crate::embedded::decode::Input;
use crate::interactions::Aggregate;
use crate::redis::event_row::{Shape, event};
use crate::redis::intern::Names;

fn view(events: &[(usize, u64, i64, i8)], names: &Names) -> EventView {
    let kinds = [Name::literal("join"), Name::literal("message")];
    let mut row = EventRow::default();
    for (kind, other, time, value) in events {
        let mut bytes = Vec::new();
        event(&mut bytes, &kinds[*kind], *other, *time, f32::from(*value));
        row.apply(bytes[0], &mut Input(&bytes[1..]), names).unwrap();
    }
    row.settle(Shape { keep: 7, hours: 5, days: 10 });
    EventView::new(row)
}

/// Many others, so that there are sketches among them, or few.
fn events() -> impl Strategy<Value = Vec<(usize, u64, i64, i8)>> {
    let some = |others, most| prop::collection::vec((0..2_usize, 0..others, -DAY..6 * DAY, 0_i8..4), 1..most);
    prop_oneof![4 => some(4_u64, 80), 1 => some(100_000, 900)]
}

proptest! {
    #[test]
    fn what_is_remembered_is_what_would_be_found(
        events in events(),
        asked in prop::collection::vec((prop::option::of(-2 * DAY..7 * DAY), -DAY..8 * DAY, 0..3_usize), 1..5),
    ) {
        let (names, mut missing) = (Names::default(), Vec::new());
        let lists = [vec![], vec!["join"], vec!["join", "message"]];
        let lists = lists.map(|list| names.list(&list.into_iter().map(Name::literal).collect::<Vec<_>>()));
        let shared = view(&events, &names);
        for (after, now, kinds) in asked {
            // Windows move on slowly.
            for step in [0, 1, HOUR / 3, HOUR] {
                for aggregate in [Aggregate::Count, Aggregate::Sum, Aggregate::Recency, Aggregate::Distinct] {
                    let (after, now) = (after.map(|after| after + step), now + step);
                    let window = Window { at: 0, kinds: &lists[kinds], aggregate, after };
                    let mut got = f32::INFINITY;
                    shared.recall(std::iter::once(window), now, &mut missing, |_, value| got = value);
                    for window in &missing {
                        got = shared.find(window, now);
                    }
                    let found = shared.found.read().len();
                    prop_assert!(found <= MOST_FOUND);
                    let wanted = view(&events, &names).find(&window, now);
                    prop_assert_eq!(got.to_bits(), wanted.to_bits(), "{:?} at {}: {}, not {}", window, now, got, wanted);
                }
            }
        }
    }

    #[test]
    fn a_window_is_the_same_from_the_sums_as_from_all_that_lies_in_it(
        events in events(),
        after in prop::option::of(-2 * DAY..7 * DAY),
        now in -DAY..7 * DAY,
    ) {
        let view = view(&events, &Names::default());
        for (at, kind) in view.kinds.iter().enumerate() {
            let mut of_kind = view.between(after, now).to_vec();
            of_kind.retain(|entry| usize::from(entry.kind) == at);
            let (mut sums, mut all) = (Tally::default(), Tally::default());
            kind.tally_so_far(&of_kind, after, now, &mut all);
            let bits = view.kinds(std::slice::from_ref(&kind.name));
            prop_assert_eq!(view.tally(bits, after, now), all);
            if kind.settled <= now {
                kind.tally(after, now, &mut sums, &mut (i64::MIN..i64::MAX));
                prop_assert_eq!(sums, all);
            }
        }
    }
}
