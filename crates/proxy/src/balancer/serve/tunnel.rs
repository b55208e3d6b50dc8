//! Bytes both ways, until both sides have said all they had to say.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;

use super::buffer::Buffer;
use super::stream::{Io, Patience};
use crate::balancer::snapshot::TargetState;

/// A side of a tunnel, and what it has sent already.
pub(super) type Side<'a> = (&'a Io, &'a mut Buffer);

/// Moves bytes until both directions have ended, nothing has moved for too long, or the target is gone, if that ends it. Answers
/// how many went up and down. While nothing moves no memory is held.
pub(super) async fn tunnel(
    client: Side<'_>,
    target: Side<'_>,
    patience: Patience<'_>,
    ends_with: Option<&TargetState>,
) -> (u64, u64) {
    let (mut up_count, mut down_count) = (0, 0);
    let (client_io, target_io) = (client.0, target.0);
    {
        let mut up = pin!(one_way(client, target_io, patience, &mut up_count));
        let mut down = pin!(one_way(target, client_io, patience, &mut down_count));
        let (mut is_up, mut is_down) = (true, true);
        // An error of either direction ends both.
        let _: io::Result<()> = poll_fn(|cx| {
            // The timer wakes this now and then.
            if ends_with.is_some_and(TargetState::is_gone) {
                return Poll::Ready(Ok(()));
            }
            if is_up && let Poll::Ready(result) = up.as_mut().poll(cx) {
                is_up = false;
                if result.is_err() {
                    return Poll::Ready(result);
                }
            }
            if is_down && let Poll::Ready(result) = down.as_mut().poll(cx) {
                is_down = false;
                if result.is_err() {
                    return Poll::Ready(result);
                }
            }
            if is_up || is_down { Poll::Pending } else { Poll::Ready(Ok(())) }
        })
        .await;
    }
    (up_count, down_count)
}

async fn one_way(from: Side<'_>, to: &Io, patience: Patience<'_>, count: &mut u64) -> io::Result<()> {
    let (from, buffer) = from;
    loop {
        if buffer.is_empty() && from.read(buffer, patience).await? == 0 {
            return to.shutdown(patience).await;
        }
        to.write([buffer.filled(), b"", b""], patience).await?;
        *count += buffer.len() as u64;
        buffer.consume(buffer.len());
        buffer.release();
    }
}
