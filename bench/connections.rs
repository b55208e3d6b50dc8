//! Makes connections as fast as it can, for `bench/balancer.py`: as little client and server as possible, so that what is between
//! them is seen.
//!
//! ```text
//! connections serve ADDRESS                      closes whatever it accepts
//! connections make ADDRESS TOGETHER SECONDS      prints how many connections were made and closed in a second
//! ```

use std::error::Error;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", address] => serve(address.parse()?),
        ["make", address, together, seconds] => {
            let seconds = Duration::from_secs_f64(seconds.parse()?);
            println!("{:.0}", make(address.parse()?, together.parse()?, seconds)?);
            Ok(())
        }
        _ => Err("usage: connections serve ADDRESS | connections make ADDRESS TOGETHER SECONDS".into()),
    }
}

fn serve(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address)?;
    let threads = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| listener.incoming().for_each(drop));
        }
    });
    Ok(())
}

/// A connection counts when its server has closed it.
fn make(address: SocketAddr, together: usize, time: Duration) -> Result<f64, Box<dyn Error>> {
    let (is_over, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let begin = Instant::now();
    let results: Vec<std::io::Result<()>> = thread::scope(|scope| {
        let one = || {
            while !is_over.load(Ordering::Relaxed) {
                let mut stream = TcpStream::connect(address)?;
                stream.read_exact(&mut [0]).or_else(|error| match error.kind() {
                    std::io::ErrorKind::UnexpectedEof => Ok(()),
                    _ => Err(error),
                })?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        let threads: Vec<_> = (0..together).map(|_| scope.spawn(one)).collect();
        thread::sleep(time);
        is_over.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join()).collect()
    });
    results.into_iter().collect::<Result<(), _>>()?;
    Ok(count.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64())
}
