//! Incidents, statistics and advice, for whoever operates the service.

use super::AdminClient;
use crate::client::ClientError;
use crate::proto;

/// How bad an incident was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentSeverity {
    /// Noticed, and harmless.
    Minor,
    /// Somebody had to mend something.
    Major,
    /// Customers, data or money were harmed.
    Critical,
}

/// Which operations are counted, and by which clock; everything by UTC where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatisticsOf {
    /// Operations decided since then, in Unix milliseconds.
    pub since: Option<u64>,
    /// Operations decided before then, in Unix milliseconds.
    pub until: Option<u64>,
    /// A time zone; UTC if it is empty.
    pub zone: String,
    /// Points of a week instead of a day.
    pub weekly: bool,
}

impl From<StatisticsOf> for proto::StatisticsOf {
    fn from(of: StatisticsOf) -> Self {
        let StatisticsOf { since, until, zone, weekly } = of;
        Self { since: since.unwrap_or_default(), until: until.unwrap_or_default(), zone, weekly }
    }
}

impl AdminClient {
    /// Reports an incident of this decision; its place in the record.
    ///
    /// # Errors
    /// [`ClientError`] if it is not recorded, or if that is not known.
    pub async fn report_incident(
        &self,
        decision: &str,
        severity: IncidentSeverity,
        what: &str,
    ) -> Result<u64, ClientError> {
        let severity = match severity {
            IncidentSeverity::Minor => proto::IncidentSeverity::Minor,
            IncidentSeverity::Major => proto::IncidentSeverity::Major,
            IncidentSeverity::Critical => proto::IncidentSeverity::Critical,
        };
        let request = self.connect.request(proto::ReportIncidentRequest {
            decision_id: decision.to_owned(),
            severity: severity.into(),
            what: what.to_owned(),
        });
        Ok(self.inner.clone().report_incident(request).await?.into_inner().index)
    }

    /// What the record says about how well deciding works, as JSON (docs/analytics.md).
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn statistics(&self, of: StatisticsOf) -> Result<Vec<u8>, ClientError> {
        let request = self.connect.request(proto::GetStatisticsRequest { of: Some(of.into()) });
        Ok(self.inner.clone().get_statistics(request).await?.into_inner().json)
    }

    /// What could be done otherwise, as JSON (docs/analytics.md).
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn advice(&self, of: StatisticsOf) -> Result<Vec<u8>, ClientError> {
        let request = self.connect.request(proto::GetAdviceRequest { of: Some(of.into()) });
        Ok(self.inner.clone().get_advice(request).await?.into_inner().json)
    }
}
