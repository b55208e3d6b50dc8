//! What a few operations need from outside of the world, see [`enishi_cloud::outside`].

use std::io;
use std::time::UNIX_EPOCH;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
};
use enishi_cloud::logs::event::Job;
use enishi_cloud::outside::{Console, KeyKind, OBJECT_BYTES, Supply, Want};
use enishi_state::Timestamp;
use enishi_state::ec2::InstanceId;
use enishi_wire::Fault;

use crate::daemon::App;
use crate::daemon::reconcile::console_file;

/// Gets what an operation wants.
pub async fn supply(app: &App, want: Option<Want>) -> Result<Supply, Fault> {
    match want {
        None => Ok(Supply::default()),
        Some(Want::PrivateKey(kind)) => {
            // An RSA key takes as long as thousands of other answers.
            let key = tokio::task::spawn_blocking(move || private_key(kind)).await.ok().flatten();
            let key = key.ok_or_else(|| Fault::internal("no key could be made"))?;
            Ok(Supply { private_key: Some(key), ..Supply::default() })
        }
        Some(Want::Console(instance)) => {
            let console = console(app, &instance).map_err(|error| {
                tracing::error!(%error, %instance, "a console cannot be read");
                Fault::internal("the console cannot be read")
            })?;
            Ok(Supply { console, ..Supply::default() })
        }
        Some(Want::Health(check)) => {
            Ok(Supply { health: Some(app.health.health(check.as_str())), ..Supply::default() })
        }
        Some(Want::Logs(job)) => {
            let is_append = matches!(job, Job::Append(_));
            let reply = app.logs.carry_out(job).await?;
            if is_append {
                // Events of a stream that a crash forgets would be lost with it.
                app.wait_durable(app.writer.newest().load().generation).await?;
            }
            Ok(Supply { logs: Some(reply), ..Supply::default() })
        }
        Some(Want::Metrics(job)) => {
            Ok(Supply { metrics: Some(app.metrics.carry_out(job).await?), ..Supply::default() })
        }
        Some(Want::Objects(names)) => {
            let mut objects = Vec::with_capacity(names.len());
            for name in names {
                objects.push(app.objects.contents(&name.bucket, &name.key, OBJECT_BYTES).await?);
            }
            Ok(Supply { objects, ..Supply::default() })
        }
        Some(Want::DnsAnswer(question)) => {
            Ok(Supply { dns_answer: app.names.answer(&question), ..Supply::default() })
        }
    }
}

fn private_key(kind: KeyKind) -> Option<Vec<u8>> {
    match kind {
        KeyKind::Rsa2048 => rsa_key(),
        KeyKind::EcP256 => ecdsa_key(&ECDSA_P256_SHA256_ASN1_SIGNING),
        KeyKind::EcP384 => ecdsa_key(&ECDSA_P384_SHA384_ASN1_SIGNING),
    }
}

fn ecdsa_key(curve: &'static EcdsaSigningAlgorithm) -> Option<Vec<u8>> {
    let key = EcdsaKeyPair::generate(curve).ok()?;
    Some(key.to_pkcs8v1().ok()?.as_ref().to_vec())
}

fn rsa_key() -> Option<Vec<u8>> {
    let key = KeyPair::generate(KeySize::Rsa2048).ok()?;
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).ok()?;
    Some(der.as_ref().to_vec())
}

fn console(app: &App, instance: &InstanceId) -> io::Result<Option<Console>> {
    let path = console_file(&app.info.data_dir, instance.as_str());
    let output = enishi_compute::console::read(&path)?;
    if output.is_empty() {
        return Ok(None);
    }
    let written = std::fs::metadata(&path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Some(Console { output, written: Timestamp(i64::try_from(written.as_millis()).unwrap_or(i64::MAX)) }))
}
