//! Logs that the cloud's own services write into buckets.

use bytes::Bytes;
use enishi_cloud::s3::{Delivery, Refused, may_deliver};

use super::Objects;
use super::objects::whole;
use super::store::checksum::Algorithm;
use super::store::model::Description;
use super::store::{Condition, StoreError};

/// Why an object was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// It may not be.
    #[error("{0}")]
    Refused(Refused),
    /// It could not be stored.
    #[error(transparent)]
    Failed(#[from] StoreError),
    /// The bucket was deleted meanwhile, or others store too much.
    #[error("{0}")]
    NotNow(String),
}

impl Objects {
    /// Writes an object in the name of a service, if the bucket's policy allows that; durable when it answers.
    ///
    /// # Errors
    /// [`DeliveryError`]
    pub async fn deliver(
        &self,
        delivery: Delivery<'_>,
        content_type: &str,
        data: Bytes,
    ) -> Result<(), DeliveryError> {
        let world = self.world();
        let bucket = may_deliver(&world, delivery).map_err(DeliveryError::Refused)?;
        let written = self.store().receive_bytes(data, Some(Algorithm::Crc64Nvme)).await?;
        let description = Description { content_type: Some(content_type.to_owned()), ..Default::default() };
        let object = whole(&written, description);
        let put = self.put(bucket, delivery.key.to_owned(), object, Condition::Always, vec![written]).await;
        put.map_err(|error| DeliveryError::NotNow(error.to_string()))
    }
}
