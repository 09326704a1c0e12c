#include "report/counter.h"

namespace holdfast::report {

namespace {

constexpr std::size_t kChangesMax = 4096;

std::string hex(const Hash& hash) { return to_hex(hash.view()); }

}  // namespace

ModuleChange* Counter::change(const Heard& heard, const Hash& hash) {
  if (!heard.within) return nullptr;
  if (report_.modules.size() == kChangesMax) {
    ++report_.not_listed;
    return nullptr;
  }
  ModuleChange row{heard.index,
                   heard.entry.at,
                   std::string(heard.entry.kind()),
                   {},
                   hex(hash),
                   heard.entry.party,
                   0,
                   {},
                   {},
                   heard.before.admit(heard.entry).has_value()};
  const auto known = heard.before.submitted_modules().find(hash);
  if (known != heard.before.submitted_modules().end()) {
    row.module = known->second.module;
    row.version = known->second.version;
  }
  report_.modules.push_back(std::move(row));
  return &report_.modules.back();
}

void Counter::count(const Heard& heard, const evidence::ModuleSubmitted& submitted) {
  ModuleChange* const row = change(heard, submitted.hash);
  if (!row) return;
  row->module = submitted.module;
  row->version = submitted.version;
  row->statement = hex(submitted.statement);
}
void Counter::count(const Heard& heard, const evidence::ModuleShown& shown) { change(heard, shown.hash); }
void Counter::count(const Heard& heard, const evidence::ModuleReleased& released) {
  ModuleChange* const row = change(heard, released.hash);
  if (!row) return;
  row->module = released.module;
  row->version = released.version;
  row->statement = hex(released.statement);
  row->signed_by = released.signed_by;
}
void Counter::count(const Heard& heard, const evidence::ModuleWithdrawn& withdrawn) {
  if (ModuleChange* const row = change(heard, withdrawn.hash)) row->module = withdrawn.module;
}

}  // namespace holdfast::report
