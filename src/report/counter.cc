#include "report/counter.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "agreement/control.h"
#include "agreement/form.h"
#include "base/plain.h"

namespace holdfast::report {

using namespace evidence;

namespace {

constexpr std::size_t kRowsMax = 16'384;  // of a table; what is beyond it is counted in not_listed
constexpr UnixMillis kHour = 3'600'000;
constexpr UnixMillis kNever = std::numeric_limits<UnixMillis>::min();

/// {"profile":{"email":"token"}} as items, with the categories that `plan` gives the fields.
std::vector<Item> items_of(const std::string& gives, const agreement::Plan* plan) {
  std::vector<Item> out;
  boost::system::error_code wrong;
  const boost::json::value parsed = boost::json::parse(gives, wrong);
  const boost::json::object* collections = wrong ? nullptr : parsed.if_object();
  if (!collections) return out;
  for (const auto& [collection, fields] : *collections) {
    const auto found = plan ? plan->find_collection(std::string_view(collection)) : std::nullopt;
    if (!fields.is_object()) continue;
    for (const auto& [field, form] : fields.get_object()) {
      Item item{collection, field, {}, form.is_string() ? std::string(form.get_string()) : "?"};
      if (found) {
        for (const agreement::Field& declared : plan->collections[*found].fields) {
          if (declared.name == item.field) item.category = declared.category;
        }
      }
      out.push_back(std::move(item));
    }
  }
  return out;
}

template <class Row>
void stretch(Row& row, UnixMillis at) {
  if (row.trace.entries.count() == 0) row.first = row.last = at;
  row.first = std::min(row.first, at);
  row.last = std::max(row.last, at);
}

}  // namespace

std::uint64_t& Days::of(UnixMillis at) {
  const auto day =
      static_cast<std::int32_t>(std::chrono::floor<std::chrono::days>(std::chrono::milliseconds(at)).count());
  if (!list_.empty() && list_.back().first == day) return list_.back().second;
  const auto place = std::lower_bound(list_.begin(), list_.end(), std::pair(day, std::uint64_t{0}));
  if (place != list_.end() && place->first == day) return place->second;
  return list_.insert(place, {day, 0})->second;
}
void Days::add(UnixMillis at, std::uint64_t count) { of(at) += count; }
void Days::raise(UnixMillis at, std::uint64_t value) {
  std::uint64_t& held = of(at);
  held = std::max(held, value);
}

Counter::Counter(const Options& options, Report& report)
    : options_(options), report_(report), wanted_(options.wanted.begin(), options.wanted.end()) {
  Rights& rights = report.rights;
  rights.exported = traced("exported");
  rights.restricted = traced("restricted");
  rights.unrestricted = traced("unrestricted");
  rights.asked = traced("erasure-asked");
  rights.done = traced("erasure-done");
}

Trace Counter::traced(std::string figure) const {
  const bool wanted = wanted_.contains(figure);
  return {std::move(figure), {}, wanted};
}

void Counter::note(Trace& trace, const Heard& heard) {
  trace.entries.add(heard.index);
  if (trace.wanted && options_.on_wanted) options_.on_wanted(heard.index, heard.entry);
}

void Counter::enter(const agreement::PlanPtr& plan) {
  plan_ = plan;
  flow_rows_.clear();
  report_.agreement = plan->agreement;
  report_.subjects_country = plan->subjects_country;
  report_.trustee = plan->parties[plan->trustee()].name;
  for (const agreement::Party& party : plan->parties) {
    Party known{party.name, std::string(to_string(party.role)), {}, {}, party.countries, {}};
    if (party.key) known.key = party.key->text();
    if (party.operated_by) known.operated_by = plan->parties[*party.operated_by].name;
    for (const agreement::Owner& owner : party.owners) {
      known.owners.push_back(fmt::format("{} {}", owner.party ? plan->parties[*owner.party].name : owner.country,
                                         agreement::share_text(owner.share)));
    }
    parties_[party.name] = std::move(known);
  }
}

/// What the limits have spent at the end of an hour in which something happened.
void Counter::sample(const ledger::Ledger& ledger) {
  const UnixMillis at = newest_at_;
  const agreement::PlanPtr& plan = ledger.plan();
  if (!plan || !options_.period.holds(at)) return;
  const auto budgets = ledger.budgets(at);
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    const auto& budget = budgets[i];
    if (budget.spent == 0) continue;
    const auto [row, fresh] = limits_.try_emplace(budget.limit + " " + budget.text, report_.limits.size());
    if (fresh) {
      LimitUse use{budget.limit, budget.text, budget.amount, plan->limits[i].rolling, {}, {}, 0, 0};
      for (const agreement::Flow& flow : plan->flows) {
        if (std::find(flow.limits.begin(), flow.limits.end(), i) != flow.limits.end()) use.flows.push_back(flow.name);
      }
      report_.limits.push_back(std::move(use));
    }
    LimitUse& use = report_.limits[row->second];
    use.days.raise(at, budget.spent);
    if (budget.spent > use.highest) {
      use.highest = budget.spent;
      use.highest_at = at;
    }
  }
}

void Counter::on_entry(std::uint64_t index, const Entry& entry, const ledger::Ledger& before) {
  if (newest_at_ != kNever && entry.at / kHour != newest_at_ / kHour) sample(before);
  if (before.plan() && before.plan() != plan_ && newest_at_ < options_.period.until) enter(before.plan());
  if (newest_at_ == kNever) report_.evidence_from = entry.at;
  newest_at_ = std::max(newest_at_, entry.at);
  const Heard heard{index, entry, options_.period.holds(entry.at), before};
  if (heard.within) {
    if (!report_.first_entry) report_.first_entry = index;
    report_.last_entry = index;
    ++report_.entries;
  }
  std::visit([&](const auto& event) { count(heard, event); }, entry.event);
}

Flow* Counter::flow_of(const Entry& entry, const std::string& name, const std::string& to, const std::string& gives) {
  const auto is_it = [&](const Flow& row) {
    return row.agreement == entry.agreement && row.to == to && row.gives == gives && row.name == name;
  };
  if (const auto found = flow_rows_.find(name); found != flow_rows_.end() && is_it(report_.flows[found->second])) {
    return &report_.flows[found->second];
  }
  auto found = std::find_if(report_.flows.begin(), report_.flows.end(), is_it);
  if (found == report_.flows.end()) {
    if (report_.flows.size() == kRowsMax) {
      ++report_.not_listed;
      return nullptr;
    }
    Flow row;
    // One that differs from the agreement, which is a violation, is told apart from the right one.
    std::string figure = fmt::format("flow:{}@{}", name, entry.agreement);
    const auto same = std::count_if(report_.flows.begin(), report_.flows.end(), [&](const Flow& other) {
      return other.name == name && other.agreement == entry.agreement;
    });
    if (same > 0) figure += fmt::format("#{}", same + 1);
    row.contained = traced("contained:" + figure.substr(figure.find(':') + 1));
    row.trace = traced(std::move(figure));
    row.name = name;
    row.to = to;
    row.gives = gives;
    row.agreement = entry.agreement;
    row.items = items_of(gives, plan_.get());
    if (const auto declared = plan_ ? plan_->find_flow(name) : std::nullopt) {
      const agreement::Flow& flow = plan_->flows[*declared];
      row.use = flow.use;
      for (const auto limit : flow.limits) row.limits.push_back(plan_->limits[limit].text);
      if (flow.size_max_bytes) row.limits.push_back(counted(*flow.size_max_bytes, "byte", "bytes") + " per release");
      if (flow.aggregate) row.limits.push_back(flow.aggregate->privacy());
    }
    report_.flows.push_back(std::move(row));
    found = report_.flows.end() - 1;
  }
  flow_rows_[name] = static_cast<std::size_t>(found - report_.flows.begin());
  return &*found;
}

template <class Release>
Flow* Counter::count_release(const Heard& heard, const Release& released) {
  if (!heard.within) return nullptr;
  Flow* const row = flow_of(heard.entry, released.flow, released.to, released.gives);
  if (!row) return nullptr;
  stretch(*row, heard.entry.at);
  note(row->trace, heard);
  row->releases += 1;
  row->bytes += released.size_bytes;
  row->days.add(heard.entry.at, 1);
  return row;
}

void Counter::count(const Heard& heard, const Released& released) {
  Flow* const row = count_release(heard, released);
  if (!row) return;
  row->records += released.records;
  row->subjects.add(subjects_.of(released.subject));
}

void Counter::count(const Heard& heard, const AggregateReleased& released) {
  Flow* const row = count_release(heard, released);
  if (!row) return;
  row->sums = true;
  row->groups += released.groups;
}

void Counter::count(const Heard& heard, const RunFailed& failed) {
  const auto declared = plan_ ? plan_->find_flow(failed.flow) : std::nullopt;
  if (!heard.within || !declared) return;
  const agreement::Flow& flow = plan_->flows[*declared];
  Flow* const row = flow_of(heard.entry, flow.name, plan_->parties[flow.to].name, flow.gives_json);
  if (!row) return;
  if (row->releases == 0) stretch(*row, heard.entry.at);
  note(row->contained, heard);
}

void Counter::count(const Heard& heard, const ModuleLogRead& read) {
  upkeep(heard,
         fmt::format("of '{}', {}, to {}", read.module, counted(read.size_bytes, "byte", "bytes"), heard.entry.party));
}

void Counter::count(const Heard& heard, const Refused& refused) {
  if (!heard.within) return;
  const std::string figure =
      fmt::format("refused:{}:{}:{}:{}", heard.entry.party, refused.operation, refused.flow, refused.reason);
  if (report_.refusals.size() == kRowsMax && !refusals_.contains(figure)) {
    ++report_.not_listed;
    return;
  }
  const auto [place, fresh] = refusals_.try_emplace(figure, report_.refusals.size());
  if (fresh) {
    Refusal row;
    row.trace = traced(figure);
    row.party = party_of(heard.entry.party);
    row.operation = refused.operation;
    row.flow = refused.flow;
    row.reason = refused.reason;
    if (const auto declared = plan_ ? plan_->find_flow(refused.flow) : std::nullopt) {
      row.use = plan_->flows[*declared].use;
      std::set<std::string> categories;
      for (const Item& item : items_of(plan_->flows[*declared].gives_json, plan_.get()))
        categories.insert(item.category);
      row.categories.assign(categories.begin(), categories.end());
    }
    report_.refusals.push_back(std::move(row));
  }
  Refusal& row = report_.refusals[place->second];
  stretch(row, heard.entry.at);
  note(row.trace, heard);
  row.requests += refused.count;
  row.days.add(heard.entry.at, refused.count);
}

void Counter::count(const Heard& heard, const Deposited& deposited) {
  if (!heard.within) return;
  const std::string figure = fmt::format("deposited:{}:{}", deposited.collection, heard.entry.party);
  if (report_.deposits.size() == kRowsMax && !deposits_.contains(figure)) {
    ++report_.not_listed;
    return;
  }
  const auto [place, fresh] = deposits_.try_emplace(figure, report_.deposits.size());
  if (fresh) {
    report_.deposits.push_back({traced(figure), deposited.collection, party_of(heard.entry.party), 0, 0, 0});
  }
  Deposit& row = report_.deposits[place->second];
  stretch(row, heard.entry.at);
  note(row.trace, heard);
  row.records += deposited.records;
}

void Counter::count(const Heard& heard, const RetentionSwept& swept) {
  if (!heard.within) return;
  const std::string figure = "retention:" + swept.collection;
  if (report_.sweeps.size() == kRowsMax && !sweeps_.contains(figure)) {
    ++report_.not_listed;
    return;
  }
  const auto [place, fresh] = sweeps_.try_emplace(figure, report_.sweeps.size());
  if (fresh) report_.sweeps.push_back({traced(figure), swept.collection, 0, 0});
  Sweep& row = report_.sweeps[place->second];
  note(row.trace, heard);
  row.records += swept.records;
  row.subjects += swept.subjects;
}

void Counter::count(const Heard& heard, const AgreementAdopted& adopted) {
  if (heard.entry.at >= options_.period.until || report_.adoptions.size() == kRowsMax) return;
  report_.adoptions.push_back({heard.index, heard.entry.at, adopted.name, to_hex(adopted.document.view()),
                               heard.entry.party, adopted.version, adopted.signed_by, false, heard.within});
}

void Counter::count(const Heard& heard, const SubjectExported& exported) {
  if (!heard.within) return;
  note(report_.rights.exported, heard);
  report_.rights.export_bytes += exported.size_bytes;
  if (heard.entry.party == "subject") return;
  auto& rows = report_.rights.passed_on;
  const std::string figure = "exported:" + heard.entry.party;
  if (rows.size() == kRowsMax && !passed_on_.contains(figure)) {
    ++report_.not_listed;
    return;
  }
  const auto [place, fresh] = passed_on_.try_emplace(figure, rows.size());
  if (fresh) rows.push_back({traced(figure), party_of(heard.entry.party), false, 0, {}});
  PassedOn& row = rows[place->second];
  note(row.trace, heard);
  row.bytes += exported.size_bytes;
  row.subjects.add(subjects_.of(exported.subject));
}
void Counter::count(const Heard& heard, const SubjectRestricted&) {
  if (heard.within) note(report_.rights.restricted, heard);
}
void Counter::count(const Heard& heard, const SubjectUnrestricted&) {
  if (heard.within) note(report_.rights.unrestricted, heard);
}

void Counter::count(const Heard& heard, const ErasureAsked& asked) {
  if (!heard.within) return;
  note(report_.rights.asked, heard);
  if (open_.try_emplace(asked.subject, report_.rights.erasures.size()).second) {
    report_.rights.erasures.push_back({heard.index, heard.entry.at, {}, 0});
  }
}

void Counter::count(const Heard& heard, const ErasureDone& done) {
  if (heard.within) note(report_.rights.done, heard);
  const auto asked = open_.find(done.subject);
  if (asked == open_.end()) return;
  report_.rights.erasures[asked->second].done_entry = heard.index;
  report_.rights.erasures[asked->second].done_at = heard.entry.at;
  open_.erase(asked);
}

void Counter::upkeep(const Heard& heard, std::string text) {
  if (!heard.within) return;
  if (report_.upkeep.size() == kRowsMax) {
    ++report_.not_listed;
    return;
  }
  report_.upkeep.push_back({heard.index, heard.entry.at, std::string(heard.entry.kind()), std::move(text)});
}
void Counter::count(const Heard& heard, const ServerStarted& started) {
  upkeep(heard, fmt::format("{}, binary SHA-256 {}", started.software, to_hex(started.binary.view())));
}
void Counter::count(const Heard& heard, const RootKeyRotated& rotated) {
  upkeep(heard, fmt::format("from {} to {}, the keys of {} wrapped anew", rotated.from, rotated.to,
                            counted(rotated.subjects, "subject", "subjects")));
}
void Counter::count(const Heard& heard, const BackupTaken& taken) {
  upkeep(heard, fmt::format("of the log at {}, and what it speaks of", counted(taken.size, "entry", "entries")));
}

void Counter::count(const Heard& heard, const JobStarted& started) {
  upkeep(heard,
         fmt::format("flow {} runs module {} over all subjects", started.flow, to_hex(started.run.module.view())));
}
void Counter::count(const Heard& heard, const JobFinished& finished) {
  upkeep(heard, fmt::format("job {} made {} of {} of {}; it stays in custody", finished.started, finished.product,
                            counted(finished.records, "record", "records"),
                            counted(finished.subjects, "subject", "subjects")));
}
void Counter::count(const Heard& heard, const JobFailed& failed) {
  upkeep(heard, fmt::format("job {} made nothing: {}", failed.started, failed.reason));
}
void Counter::count(const Heard& heard, const JobCancelled& cancelled) {
  upkeep(heard, fmt::format("job {} was cancelled", cancelled.started));
}

Party Counter::party_of(std::string_view name) const {
  const auto found = parties_.find(std::string(name));
  if (found != parties_.end()) return found->second;
  Party unknown;
  unknown.name = name;
  return unknown;
}

bool Counter::abroad(const Party& party) const {
  return std::ranges::any_of(party.countries,
                             [&](const std::string& each) { return each != report_.subjects_country; });
}

void Counter::add_recipients() {
  for (std::size_t i = 0; i < report_.flows.size(); ++i) {
    const Flow& flow = report_.flows[i];
    if (flow.releases == 0) continue;  // every run was contained
    auto found = std::find_if(report_.recipients.begin(), report_.recipients.end(),
                              [&](const Recipient& each) { return each.party.name == flow.to; });
    if (found == report_.recipients.end()) {
      Recipient fresh;
      fresh.party = party_of(flow.to);
      fresh.abroad = abroad(fresh.party);
      report_.recipients.push_back(std::move(fresh));
      found = report_.recipients.end() - 1;
    }
    found->flows.push_back(i);
    found->releases += flow.releases;
    found->records += flow.records;
    found->bytes += flow.bytes;
  }
  for (Recipient& recipient : report_.recipients) {
    SubjectSet all;
    std::set<std::string> categories;
    for (const std::size_t i : recipient.flows) {
      all.add(report_.flows[i].subjects);
      for (const Item& item : report_.flows[i].items) categories.insert(item.category);
    }
    recipient.subjects = all.count();
    for (const std::string& category : categories) {
      Reached reached;
      reached.category = category;
      SubjectSet subjects;
      for (const std::size_t i : recipient.flows) {
        const Flow& flow = report_.flows[i];
        bool gives = false;
        for (const Item& item : flow.items) {
          if (item.category != category) continue;
          gives = true;
          if (std::find(reached.forms.begin(), reached.forms.end(), item.form) == reached.forms.end()) {
            reached.forms.push_back(item.form);
          }
        }
        if (!gives) continue;
        subjects.add(flow.subjects);
        reached.releases += flow.releases;
        reached.flows.push_back(i);
      }
      reached.subjects = subjects.count();
      const auto level = [](const std::string& form) {
        if (form == "aggregate") return agreement::Level::aggregate;
        const auto parsed = agreement::parse_form(form);
        return parsed ? agreement::level_of(*parsed) : agreement::Level::clear;
      };
      std::stable_sort(reached.forms.begin(), reached.forms.end(),
                       [&](const std::string& a, const std::string& b) { return level(a) > level(b); });
      recipient.categories.push_back(std::move(reached));
    }
  }
  std::stable_sort(report_.recipients.begin(), report_.recipients.end(), [](const Recipient& a, const Recipient& b) {
    return a.abroad != b.abroad ? a.abroad : a.party.name < b.party.name;
  });
}

void Counter::on_end(const ledger::Ledger& ledger) {
  if (newest_at_ == kNever) return;
  sample(ledger);
  if (ledger.plan() && ledger.plan() != plan_ && newest_at_ < options_.period.until) enter(ledger.plan());
  report_.evidence_until = newest_at_;
  for (Adoption& adoption : report_.adoptions) {
    for (const auto& right : ledger.adoptions()) {
      if (right.version == adoption.version && right.at == adoption.at &&
          to_hex(right.document.view()) == adoption.sha256) {
        adoption.in_force = true;
      }
    }
  }
  // Of those before the period, the one in force when it began is of interest, and no other.
  auto& adoptions = report_.adoptions;
  const auto begun = std::find_if(adoptions.rbegin(), adoptions.rend(),
                                  [](const Adoption& each) { return !each.within && each.in_force; });
  const auto kept = begun == adoptions.rend() ? std::optional<std::uint64_t>() : begun->entry;
  std::erase_if(adoptions, [&](const Adoption& each) { return !each.within && each.entry != kept; });
  for (PassedOn& each : report_.rights.passed_on) {
    each.party = party_of(each.party.name);  // as the newest agreement has it
    each.abroad = abroad(each.party);
  }
  add_recipients();
}

}  // namespace holdfast::report
