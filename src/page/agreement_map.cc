#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/plain.h"
#include "page/agreement_sheet.h"
#include "page/template.h"

namespace holdfast::page {
namespace {

using agreement::PartyIndex;

constexpr double kWidth = 720, kTop = 34, kLane = 46, kGap = 14, kHead = 30;
constexpr double kVault = 14, kVaultWidth = 138, kVaultEnd = kVault + kVaultWidth;
constexpr double kHomeBox = 372, kHomeEnd = 484, kBorder = 512, kAwayPanel = 540, kAwayBox = 556, kAwayEnd = 706;

/// Text in at most `width` pixels of a font `size` pixels high: cut by what letters are wide on average.
std::string fitted(std::string_view text, double width, double size) {
  const auto most = static_cast<std::size_t>(std::max(3.0, width / (size * 0.6)));
  std::size_t letters = 0, at = 0;
  for (; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0) != 0x80 && ++letters > most) break;
  }
  if (at == text.size()) return escaped(text);
  std::size_t cut = 0;
  for (letters = 0; cut < text.size(); ++cut) {
    if ((static_cast<unsigned char>(text[cut]) & 0xc0) != 0x80 && ++letters > most - 1) break;
  }
  return escaped(text.substr(0, cut)) + "…";
}

std::string text_at(double x, double y, std::string_view style, const std::string& text) {
  return fmt::format(R"(<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>)", style, x, y, text);
}

/// A recipient with the lanes that lead to it, or a party that none leads to.
struct Stop {
  std::string name, detail, place;
  bool abroad = false, overseer = false;
  std::vector<std::size_t> flows;
  double height() const { return std::max<double>(static_cast<double>(flows.size()), overseer ? 1.0 : 0.8) * kLane; }
};

std::vector<Stop> stops_of(const Sheet& sheet) {
  const agreement::Plan& plan = *sheet.plan;
  std::vector<Stop> stops;
  std::vector<bool> reached(plan.parties.size());
  for (std::size_t i = 0; i < plan.flows.size(); ++i) {
    const agreement::Flow& flow = plan.flows[i];
    if (flow.makes) continue;  // leads nowhere: it stays in the vault
    const std::string name = flow.to_subject ? "each subject" : plan.parties[flow.to].name;
    const std::string detail =
        flow.to_subject ? "via " + plan.parties[flow.to].name : std::string(to_string(plan.parties[flow.to].role));
    auto found = std::find_if(stops.begin(), stops.end(),
                              [&](const Stop& each) { return each.name == name && each.detail == detail; });
    if (found == stops.end()) {
      stops.push_back({name, detail, sheet.place(flow.to), sheet.abroad(flow.to), false, {}});
      found = stops.end() - 1;
    }
    found->flows.push_back(i);
    if (!flow.to_subject) reached[flow.to] = true;
  }
  for (std::size_t i = 0; i < plan.parties.size(); ++i) {
    const auto party = static_cast<PartyIndex>(i);
    if (reached[i] || party == plan.trustee()) continue;
    const bool overseer = plan.parties[i].role == agreement::Role::overseer;
    const bool serves = std::any_of(plan.flows.begin(), plan.flows.end(),
                                    [&](const agreement::Flow& flow) { return flow.to == party && !flow.makes; });
    if (serves) continue;  // drawn as the subjects' way
    stops.push_back({plan.parties[i].name,
                     std::string(to_string(plan.parties[i].role)),
                     sheet.place(party),
                     sheet.abroad(party),
                     overseer,
                     {}});
  }
  std::stable_sort(stops.begin(), stops.end(), [](const Stop& a, const Stop& b) {
    return a.abroad != b.abroad ? !a.abroad : a.abroad && a.place < b.place;
  });
  return stops;
}

class Map {
 public:
  Map(const Sheet& sheet, bool links) : sheet_(sheet), plan_(*sheet.plan), links_(links) {}

  std::string draw() {
    double y = kTop + kHead;
    std::string place;
    bool away = false;
    for (const Stop& stop : stops_of(sheet_)) {
      if (stop.abroad && (!away || stop.place != place)) {
        if (away) end_panel(y);
        begin_panel(stop.place, y);
        y += kHead;
        away = true;
      }
      place = stop.place;
      y = draw_stop(stop, y) + kGap;
    }
    if (away) end_panel(y);
    const double height = y + 6;
    return fmt::format(
               R"(<svg xmlns="http://www.w3.org/2000/svg" class="map" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}" role="img" aria-label="{2}"><title>{2}</title>)",
               kWidth, height,
               escaped(fmt::format("Who gets what by agreement {} version {}", plan_.agreement, plan_.version))) +
           (links_ ? "" : own_style()) + panels(height) + vault(height) + front_ + "</svg>\n";
  }

 private:
  static std::string arrowhead(double x, double y) {
    return fmt::format(R"(<path class="head" d="M{:.1f} {:.1f} l-8 -4 v8 Z"/>)", x, y);
  }
  /// For a file of its own: white paper, and the styles that the page has.
  static std::string own_style() { return fmt::format("<style>{}</style>", map_style()); }

  void begin_panel(const std::string& place, double y) {
    panel_place_ = place;
    panel_from_ = y;
  }
  void end_panel(double y) {
    away_ += fmt::format(R"(<rect class="panel away" x="{}" y="{:.1f}" width="{}" height="{:.1f}" rx="8"/>)",
                         kAwayPanel, panel_from_, kWidth - kAwayPanel - 1, y - panel_from_ - 4);
    away_ += text_at(kAwayBox, panel_from_ + 19, "place", "▲ " + fitted(panel_place_, 130, 13));
  }

  std::string panels(double height) const {
    std::string out = fmt::format(R"(<rect class="panel home" x="1" y="{:.1f}" width="{}" height="{:.1f}" rx="8"/>)",
                                  kTop, kHomeEnd + 12, height - kTop - 10);
    out += text_at(kVault, kTop + 20, "place", escaped(plan_.subjects_country) + ", where the subjects are");
    out += away_;
    out += fmt::format(R"(<line class="border" x1="{0}" x2="{0}" y1="8" y2="{1:.1f}"/>)", kBorder, height - 6);
    out += fmt::format(R"(<text class="border-text" x="{}" y="20" text-anchor="end">the border</text>)", kBorder - 8);
    return out;
  }

  std::string vault(double height) const {
    const double from = kTop + kHead, until = height - 22;
    std::string out = fmt::format(R"(<rect class="vault" x="{}" y="{:.1f}" width="{}" height="{:.1f}" rx="6"/>)",
                                  kVault, from, kVaultWidth, until - from);
    double y = from + 20;
    out += text_at(kVault + 10, y, "name", fitted(plan_.parties[plan_.trustee()].name, kVaultWidth - 20, 13));
    out += text_at(kVault + 10, y += 15, "small", "trustee: holds the data");
    y += 8;
    std::size_t shown = 0;
    for (const agreement::Collection& collection : plan_.collections) {
      if (y + 40 > until) break;
      ++shown;
      out += text_at(kVault + 10, y += 18, "flow", fitted(collection.name, kVaultWidth - 20, 11.5));
      out += text_at(kVault + 10, y += 13, "small",
                     fmt::format("{}, {}", counted(collection.fields.size(), "field", "fields"),
                                 counted(static_cast<std::uint64_t>(collection.keep.count() / 86400), "day", "days")));
    }
    if (shown < plan_.collections.size()) {
      out += text_at(kVault + 10, y + 16, "small", fmt::format("and {} more", plan_.collections.size() - shown));
    }
    return out;
  }

  double draw_stop(const Stop& stop, double y) {
    const double x = stop.abroad ? kAwayBox : kHomeBox, end = stop.abroad ? kAwayEnd : kHomeEnd;
    const double height = stop.height();
    front_ += fmt::format(R"(<rect class="party" x="{}" y="{:.1f}" width="{}" height="{:.1f}" rx="6"/>)", x, y + 3,
                          end - x, height - 6);
    const double middle = y + height / 2;
    front_ += text_at(x + 9, middle - 1, "name", fitted(stop.name, end - x - 16, 13));
    front_ += text_at(x + 9, middle + 13, "small", fitted(stop.detail, end - x - 16, 10));
    for (std::size_t i = 0; i < stop.flows.size(); ++i) {
      draw_lane(stop.flows[i], y + kLane * (static_cast<double>(i) + 0.5), x);
    }
    if (stop.overseer) {
      front_ += fmt::format(R"(<line class="evidence" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>)", kVaultEnd, x - 6,
                            middle, middle) +
                arrowhead(x, middle);
      front_ += text_at(kVaultEnd + 8, middle - 6, "small", "evidence, open to all");
    }
    return y + height;
  }

  void draw_lane(std::size_t index, double y, double x) {
    const agreement::Flow& flow = plan_.flows[index];
    const auto marks = sheet_.marks(static_cast<agreement::FlowIndex>(index));
    const double room = std::min(x, kBorder - 8) - kVaultEnd - 16;
    std::string lane =
        fmt::format(R"(<line class="lane{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>)",
                    flow.kind == agreement::Flow::Kind::gives ? "" : " lane-made", kVaultEnd, x - 6, y, y) +
        arrowhead(x, y);
    double at = kVaultEnd + 8;
    for (const Mark mark : marks) {
      lane += mark_svg(mark, at, y - 19);
      at += 19;
    }
    lane += text_at(at + 2, y - 6, "flow", fitted(flow.name, room - 19 * static_cast<double>(marks.size()) - 2, 11.5));
    const std::string limits = limits_text(plan_, flow, true);
    lane += text_at(kVaultEnd + 8, y + 13, "small", fitted(limits, room, 9.5));
    const std::string title =
        fmt::format("<title>{}</title>", escaped(fmt::format("{}: for {}; {}", flow.name, flow.use, limits)));
    front_ += links_ ? fmt::format(R"(<a href="#flow-{}">{}{}</a>)", index + 1, title, lane)
                     : fmt::format("<g>{}{}</g>", title, lane);
  }

  const Sheet& sheet_;
  const agreement::Plan& plan_;
  const bool links_;
  std::string away_, front_, panel_place_;
  double panel_from_ = 0;
};

}  // namespace

std::string agreement_map(const Sheet& sheet, bool links) { return Map(sheet, links).draw(); }

}  // namespace holdfast::page
