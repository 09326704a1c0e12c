#include "server/metrics.h"

#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <sstream>

namespace holdfast::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::array<unsigned, 23> kKnown = {200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 408, 409,
                                             412, 413, 415, 417, 429, 431, 500, 501, 503, 505, 0};

MetricFamily family(std::string name, std::string help, MetricType type) {
  MetricFamily out;
  out.name = std::move(name);
  out.help = std::move(help);
  out.type = type;
  return out;
}

void add(MetricFamily& to, double value, std::vector<ClientMetric::Label> labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  if (to.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  to.metric.push_back(std::move(metric));
}

MetricFamily single(std::string name, std::string help, MetricType type, double value) {
  MetricFamily out = family(std::move(name), std::move(help), type);
  add(out, value);
  return out;
}

void add_trustee(std::vector<MetricFamily>& out, trustee::Trustee& trustee) {
  out.push_back(single("holdfast_log_entries", "Durable entries of the evidence.", MetricType::Gauge,
                       static_cast<double>(trustee.log().size())));
  out.push_back(single("holdfast_agreement_adopted", "1 when an agreement is in force.", MetricType::Gauge,
                       trustee.has_agreement() ? 1 : 0));
  MetricFamily amount = family("holdfast_limit_amount", "What a limit of the agreement allows.", MetricType::Gauge);
  MetricFamily left = family("holdfast_limit_left", "What is left of a limit now.", MetricType::Gauge);
  for (const auto& budget : trustee.budgets()) {
    add(amount, static_cast<double>(budget.amount), {{"limit", budget.limit}});
    add(left, static_cast<double>(budget.amount - std::min(budget.spent, budget.amount)), {{"limit", budget.limit}});
  }
  if (!amount.metric.empty()) out.push_back(std::move(amount)), out.push_back(std::move(left));
  MetricFamily engine = family("holdfast_statistic", "What the trustee's rooms count, by name.", MetricType::Gauge);
  for (auto& [name, value] : trustee.statistics()) add(engine, static_cast<double>(value), {{"name", name}});
  if (!engine.metric.empty()) out.push_back(std::move(engine));
}

}  // namespace

Metrics::Metrics(std::span<const Route> routes)
    : routes_(routes.begin(), routes.end()),
      requests_(std::make_unique<std::atomic<std::uint64_t>[]>((routes.size() + 1) * kStatuses)),
      registry_(std::make_unique<prometheus::Registry>()),
      flows_(&prometheus::BuildHistogram()
                  .Name("holdfast_flow_duration_seconds")
                  .Help("Time from a request for a release to its answer, evidence durable, by flow.")
                  .Register(*registry_)) {}

Metrics::~Metrics() = default;

std::size_t Metrics::slot_of(unsigned status) {
  const auto found = std::find(kKnown.begin(), kKnown.end() - 1, status);
  return static_cast<std::size_t>(found - kKnown.begin());
}

void Metrics::count(std::size_t route, unsigned status) {
  requests_[std::min(route, routes_.size()) * kStatuses + slot_of(status)].fetch_add(1, std::memory_order_relaxed);
}

void Metrics::observe_flow(const std::string& flow, std::chrono::microseconds duration) {
  static const prometheus::Histogram::BucketBoundaries kSeconds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                                   0.025,  0.05,    0.1,    0.25,  0.5,    1,     5};
  prometheus::Histogram* histogram = nullptr;
  {
    const std::lock_guard lock(mutex_);
    auto& known = by_flow_[flow];
    if (!known) known = &flows_->Add({{"flow", flow}}, kSeconds);
    histogram = known;
  }
  histogram->Observe(std::chrono::duration<double>(duration).count());
}

std::string Metrics::text(trustee::Trustee& trustee) const {
  std::vector<MetricFamily> out = registry_->Collect();
  MetricFamily requests = family("holdfast_requests_total", "Requests answered.", MetricType::Counter);
  for (std::size_t r = 0; r <= routes_.size(); ++r) {
    for (std::size_t s = 0; s < kKnown.size(); ++s) {
      const std::uint64_t n = requests_[r * kStatuses + s].load(std::memory_order_relaxed);
      if (n == 0) continue;
      const bool routed = r < routes_.size();
      add(requests, static_cast<double>(n),
          {{"method", routed ? std::string(routes_[r].method) : ""},
           {"route", routed ? std::string(routes_[r].path) : ""},
           {"status", kKnown[s] ? std::to_string(kKnown[s]) : "other"}});
    }
  }
  if (!requests.metric.empty()) out.push_back(std::move(requests));
  out.push_back(
      single("holdfast_connections", "Open connections.", MetricType::Gauge, static_cast<double>(connections.load())));
  out.push_back(single("holdfast_requests_in_flight", "Requests being answered.", MetricType::Gauge,
                       static_cast<double>(in_flight.load())));
  const auto total = [&out](std::string name, std::string help, const std::atomic<std::uint64_t>& value) {
    out.push_back(single(std::move(name), std::move(help), MetricType::Counter, static_cast<double>(value.load())));
  };
  total("holdfast_connections_accepted_total", "Connections accepted.", accepted);
  total("holdfast_handshakes_failed_total", "TLS handshakes that failed.", handshakes_failed);
  total("holdfast_connections_timed_out_total", "Connections closed because the caller was too slow.", timed_out);
  total("holdfast_connections_evicted_total", "Waiting connections closed to make room for new ones.", evicted);
  total("holdfast_faults_total", "Requests answered 500 by damage or a fault of the server; no contained runs.",
        faults);
  out.push_back(single("holdfast_certificate_expires_timestamp_seconds", "When the server's own certificate ends.",
                       MetricType::Gauge, static_cast<double>(certificate_end.load())));
  add_trustee(out, trustee);
  std::ostringstream stream;
  prometheus::TextSerializer().Serialize(stream, out);
  return stream.str();
}

}  // namespace holdfast::server
