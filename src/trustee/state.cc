#include "trustee/state.h"

namespace holdfast::trustee {
namespace {

bool changes_modules(const evidence::Entry& entry) {
  return std::holds_alternative<evidence::AgreementAdopted>(entry.event) ||
         std::holds_alternative<evidence::ModuleReleased>(entry.event) ||
         std::holds_alternative<evidence::ModuleWithdrawn>(entry.event) ||
         std::holds_alternative<evidence::JobFinished>(entry.event);
}

}  // namespace

Result<std::shared_ptr<const Active>> Active::create(agreement::PlanPtr plan, const disclosure::TokenKeys& tokens) {
  auto out = std::make_shared<Active>();
  for (const agreement::Flow& flow : plan->flows) {
    auto key = std::make_shared<const disclosure::TokenKey>(tokens.key_for(plan->parties[flow.to].name, flow.use));
    auto& formers = out->formers.emplace_back();
    for (const agreement::GivenCollection& given : flow.gives) {
      HF_TRY(auto former, disclosure::RecordFormer::create(*plan, given, key));
      formers.push_back(std::move(former));
    }
    auto& input = out->run_inputs.emplace_back();
    if (flow.kind != agreement::Flow::Kind::run) continue;
    HF_TRY(input, RunInput::create(*plan, static_cast<agreement::FlowIndex>(out->run_inputs.size() - 1)));
  }
  out->plan = std::move(plan);
  return std::shared_ptr<const Active>(std::move(out));
}

std::string agreement_blob(const Hash& document) {
  return ledger::document_path(ledger::DocumentKind::agreement, document);
}

ledger::DocumentReader documents_in(const storage::Store& store) {
  return [&store](ledger::DocumentKind kind, const Hash& hash) -> Result<std::string> {
    const std::string name = ledger::document_path(kind, hash);
    HF_TRY(auto document, store.get_blob(name));
    if (document) return std::move(*document);
    constexpr const char* kWhat = "the evidence names a document that is not here; restore it from the log's mirror";
    if (kind == ledger::DocumentKind::agreement) return fail(Code::corrupt, "agreement.document.missing", name, kWhat);
    return fail(Code::corrupt, "module.statement.missing", name, kWhat);
  };
}

State::State(storage::Store& store, disclosure::TokenKeys tokens)
    : store_(store), tokens_(std::move(tokens)), ledger_(std::in_place, documents_in(store)) {}

Result<void> State::admit(const evidence::Entry& entry) const {
  const std::lock_guard lock(mutex_);
  return ledger_->admit(entry);
}

Result<void> State::follow(std::uint64_t index, const evidence::Entry& entry) {
  {
    const std::lock_guard lock(mutex_);
    ledger_->apply(index, entry);
    if (const auto& unread = ledger_->unread()) return tl::unexpected<Error>(*unread);
    if (std::holds_alternative<evidence::AgreementAdopted>(entry.event)) activate();
  }
  if (changes_modules(entry)) modules_changed_();
  return {};
}

Bytes State::snapshot() const {
  const std::lock_guard lock(mutex_);
  return ledger_->snapshot();
}

Result<void> State::restore(ByteView snapshot) {
  HF_TRY(auto restored, ledger::Ledger::restore(snapshot, documents_in(store_)));
  const std::lock_guard lock(mutex_);
  ledger_.emplace(std::move(restored));
  activate();
  return {};
}

void State::activate() {
  if (!ledger_->plan()) return;
  auto made = Active::create(ledger_->plan(), tokens_);
  // A checked agreement asks for no form that its types cannot take; without formers nothing is released.
  active_.store(made ? *made : nullptr, std::memory_order_release);
}

}  // namespace holdfast::trustee
