//! Work that several threads share, of which the results come in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Hands what `work` makes of each item to `each`, in the order of the items and as soon as it is there.
///
/// # Errors
/// The first error of either, in the order of the items; what has not begun by then is left.
pub fn in_order<T: Sync, R: Send, E: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
    mut each: impl FnMut(&T, R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while let Some((at, item)) = take(items, next) {
                    // Results are taken until all threads have ended.
                    if sender.send((at, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut shown = 0;
        let mut show = || {
            for (at, result) in &results {
                early.insert(at, result);
                while let Some(result) = early.remove(&shown) {
                    each(&items[shown], result?)?;
                    shown += 1;
                }
            }
            Ok(())
        };
        let shown = show();
        if shown.is_err() {
            next.store(items.len(), Ordering::Relaxed);
        }
        shown
    })
}

fn take<'a, T>(items: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    Some((at, items.get(at)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn results_come_in_order_whatever_takes_long() {
        let items: Vec<u64> = (0..40).collect();
        let mut seen = Vec::new();
        let slow = |&item: &u64| {
            thread::sleep(Duration::from_millis(item % 3));
            Ok::<_, ()>(item * 2)
        };
        in_order(&items, slow, |&item, double| {
            seen.push((item, double));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, items.iter().map(|&item| (item, item * 2)).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_error_ends_it() {
        let items: Vec<u32> = (0..1000).collect();
        let done = AtomicUsize::new(0);
        let work = |&item: &u32| {
            done.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(1));
            if item == 3 || item == 5 { Err(item) } else { Ok(item) }
        };
        let mut seen = Vec::new();
        let ended = in_order(&items, work, |&item, _| {
            seen.push(item);
            Ok(())
        });
        assert_eq!((ended, seen), (Err(3), vec![0, 1, 2]));
        assert!(done.into_inner() < 900);
        let refused =
            in_order(&items, |&item| Ok(item), |&item, _| if item == 7 { Err("full") } else { Ok(()) });
        assert_eq!(refused, Err("full"));
    }
}
