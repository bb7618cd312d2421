/* SPDX-License-Identifier: Apache-2.0
 * notify.yaml from its text to a set, and the set's life.
 */
#include "config.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/hours_parse.h"
#include "notify/routes_internal.h"

#define ARENA_BYTES ((size_t)8 << 20) /* texts of matchers: the file itself is 1 MiB at most */

/* What holds without a file: whoever looks at the tower sees its alerts, whoever subscribes gets
 * them; nothing is sent to anybody. */
static const char built_in[] =
    "receivers:\n"
    "  - {name: browser, pub: [{}], browser: [{}]}\n"
    "route:\n"
    "  receiver: browser\n"
    "  routes:\n"
    /* A budget burns within a minute or two; what it burns by is seen a little later, and is what
     * should be told. Those of one workflow burn by the same. */
    "    - {matchers: ['alertname=~\"BudgetBurn.*|FailuresTrickle\"'], group-wait: 6min,\n"
    "       group-by: [alertname, workflow]}\n"
    /* The systems of one workflow are told together. */
    "    - {matchers: ['workflow!=\"\"'], group-by: [alertname, cause, objective, workflow]}\n"
    "inhibit:\n"
    /* A ticket keeps only tickets quiet: what pages is kept quiet by nothing but what pages. */
    /* What waits for a system that is down, or refuses calls, follows from it. */
    "  - source: ['severity=\"critical\"', 'alertname=~\"System.*\"']\n"
    "    target: ['alertname!~\"System.*\"']\n"
    "    follows: system\n"
    "  - source: ['severity=\"warning\"', 'alertname=~\"System.*\"']\n"
    "    target: ['severity!=\"critical\"', 'alertname!~\"System.*\"']\n"
    "    follows: system\n"
    "  - source: ['alertname=~\"System(Down|TimesOut|Overloaded|LocksOut)\"']\n"
    "    target: ['alertname=~\"System(Silent|Stuck|Timeouts|Throttles|RefusesAccess)|"
    "ThrottlingGivesUp\"']\n"
    "    equal: [system]\n"
    "  - source: ['alertname=~\"System(Silent|Stuck)\"']\n"
    "    target: ['alertname=~\"System(Timeouts|Throttles|RefusesAccess)\"']\n"
    "    equal: [system]\n"
    "  - source: ['alertname=\"SystemSilent\"']\n"
    "    target: ['alertname=\"SystemStuck\"']\n"
    "    equal: [system]\n"
    /* One rule of a budget is enough: the fastest. */
    "  - source: ['alertname=\"BudgetBurnFast\"']\n"
    "    target: ['alertname=~\"BudgetBurn(Medium|Slow|Trend|.*LowTraffic)|FailuresTrickle\"']\n"
    "    equal: [objective]\n"
    "  - source: ['alertname=\"BudgetBurnMedium\"']\n"
    "    target: ['alertname=~\"BudgetBurn(Slow|Trend|.*LowTraffic)|FailuresTrickle\"']\n"
    "    equal: [objective]\n"
    "  - source: ['alertname=\"BudgetBurnFastLowTraffic\"']\n"
    "    target: ['alertname=~\"BudgetBurn(Slow|Trend|MediumLowTraffic)|FailuresTrickle\"']\n"
    "    equal: [objective]\n"
    "  - source: ['alertname=~\"BudgetBurn(Slow|MediumLowTraffic)\"']\n"
    "    target: ['alertname=~\"BudgetBurnTrend|FailuresTrickle\"']\n"
    "    equal: [objective]\n"
    /* Much of a step by one cause: the little of it, and what is late by it. */
    "  - source: ['severity=\"critical\"', 'cause!=\"\"', 'workflow!=\"\"']\n"
    "    target: ['severity!=\"critical\"', 'cause!=\"\"']\n"
    "    equal: [cause, workflow]\n"
    "  - source: ['severity=\"critical\"', 'cause!=\"\"', 'step!=\"\"']\n"
    "    target: ['alertname=~\"StepStuck|DeadlinesMissed|BacklogGrows|(Sales|Orders)WaitLong\"']\n"
    "    equal: [step, workflow]\n"
    /* What a step is late by: the cause rather than the delay. */
    "  - source: ['alertname=~\"Many(MasterData|Contract|Unknown)Failures|ManyRejections|"
    "ManyObjectConflicts\"']\n"
    "    target: ['alertname=\"ManyDeadlinesMissed\"']\n"
    "    equal: [step, workflow]\n"
    "  - source: ['alertname=~\"StepStuck|MasterDataFailures|Rejections|ContractFailures\"']\n"
    "    target: ['alertname=~\"DeadlinesMissed|BacklogGrows|(Sales|Orders)WaitLong\"']\n"
    "    equal: [step, workflow]\n"
    "  - source: ['alertname=\"DeadlinesMissed\"']\n"
    "    target: ['alertname=~\"BacklogGrows|(Sales|Orders)WaitLong\"']\n"
    "    equal: [step, workflow]\n"
    /* Budgets burn by something that is told. */
    "  - source: ['severity=\"critical\"', 'cause!=\"\"', 'workflow!=\"\"']\n"
    "    target: ['alertname=~\"BudgetBurn.*|FailuresTrickle\"']\n"
    "    equal: [workflow]\n"
    "  - source: ['alertname=~\"StepStuck|MasterDataFailures|Rejections|ContractFailures|"
    "ObjectConflicts|UnknownFailures|DuplicatesRefused|DuplicateEffects|DeadlinesMissed|"
    ".*NotAcknowledged\"']\n"
    "    target: ['severity!=\"critical\"', 'alertname=~\"BudgetBurn.*|FailuresTrickle\"']\n"
    "    equal: [workflow]\n"
    "  - source: ['alertname=\"EventsLost\"']\n"
    "    target: ['severity!=\"critical\"', 'alertname=~\"BudgetBurn.*|FailuresTrickle\"',\n"
    "             'objective=\"till-events-complete\"']\n"
    /* Nobody is heard: neither are the single ones. */
    "  - source: ['alertname=~\"EventsMissing|SalesStopped\"']\n"
    "    target: ['alertname=~\"ThroughputLow|DecisionsAbsent|StoresSilent|StoreSilent\"']\n"
    "  - source: ['alertname=\"EventsMissing\"']\n"
    "    target: ['alertname=~\"SystemSilent|SalesStopped\"']\n"
    "  - source: ['alertname=\"StoresSilent\"']\n"
    "    target: ['alertname=\"StoreSilent\"']\n";

/* ---- helpers of the readers ---- */

const yaml_node_t *tw_notify_at(struct tw_notify_load *self, const yaml_node_t *map,
                                const char *key)
{
    if (map->type != YAML_MAPPING_NODE) {
        return map;
    }
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < map->data.mapping.pairs.top; pair++) {
        const char *name = tw_tree_text(tw_tree_node(self->parse.tree, pair->key));
        if (name != NULL && strcmp(name, key) == 0) {
            return tw_tree_node(self->parse.tree, pair->value);
        }
    }
    return map;
}

void tw_notify_read_list(struct tw_notify_load *self, yaml_node_t *node, const char *where,
                         size_t most, tw_notify_read_fn *read)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        tw_parse_fault(&self->parse, node, "%s: a list of maps is expected", where);
        return;
    }
    const yaml_node_item_t *items = node->data.sequence.items.start;
    size_t count = (size_t)(node->data.sequence.items.top - items);
    if (count > most) {
        tw_parse_fault(&self->parse, node, "%s: more than %zu", where, most);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *item = tw_tree_node(self->parse.tree, items[i]);
        if (!tw_parse_visit(&self->parse, item)) {
            return;
        }
        read(self, item);
    }
}

void *tw_notify_grow(struct tw_notify_load *self, void **items_p, size_t *count, size_t size)
{
    char *items = realloc(*items_p, (*count + 1) * size);
    if (items == NULL) {
        self->parse.is_out_of_memory = true;
        return NULL;
    }
    *items_p = items;
    void *item = items + *count * size;
    memset(item, 0, size);
    ++*count;
    return item;
}

char *tw_notify_copy(struct tw_notify_load *self, const char *text)
{
    char *copy = strdup(text);
    self->parse.is_out_of_memory = self->parse.is_out_of_memory || copy == NULL;
    return copy;
}

bool tw_notify_is_name(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_letter && (i == 0 || strchr("_.-", c) == NULL)) {
            return false;
        }
    }
    return len >= 1 && len <= TW_NOTIFY_NAME_MAX;
}

size_t tw_notify_receiver_of(struct tw_notify_load *self, const yaml_node_t *node,
                             const char *where, const char *name)
{
    const struct tw_receiver *receiver = tw_notify_find(self->set, tw_str_of(name));
    if (receiver == NULL) {
        char shown[TW_SHOWN_SIZE];
        tw_parse_fault(&self->parse, node, "%s: there is no receiver \"%s\"", where,
                       tw_shown(name, shown));
        return TW_NOTIFY_NONE;
    }
    return (size_t)(receiver - self->set->receivers);
}

/* ---- allow ---- */

static bool read_net(const char *text, struct tw_notify_net *ret_net)
{
    char address[64];
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    if (len >= sizeof address) {
        return false;
    }
    memcpy(address, text, len);
    address[len] = '\0';
    *ret_net = (struct tw_notify_net){.is_v6 = strchr(address, ':') != NULL};
    unsigned most = ret_net->is_v6 ? 128 : 32;
    if (inet_pton(ret_net->is_v6 ? AF_INET6 : AF_INET, address, ret_net->address) != 1) {
        return false;
    }
    unsigned bits = slash == NULL ? most : 0;
    for (const char *c = slash == NULL ? "" : slash + 1; *c != '\0'; c++) {
        bits = *c >= '0' && *c <= '9' && bits <= 128 ? bits * 10 + (unsigned)(*c - '0') : 999;
    }
    ret_net->bits = bits;
    return bits <= most && (slash == NULL || slash[1] != '\0');
}

static void read_allow(struct tw_notify_load *self, const yaml_node_t *node,
                       const struct tw_cfg_strings *texts)
{
    if (texts->count > TW_NOTIFY_NETS_MAX) {
        tw_parse_fault(&self->parse, node, "allow: more than %d networks", TW_NOTIFY_NETS_MAX);
        return;
    }
    self->set->allowed = calloc(texts->count + 1, sizeof *self->set->allowed);
    if (self->set->allowed == NULL) {
        self->parse.is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < texts->count; i++) {
        char shown[TW_SHOWN_SIZE];
        if (!read_net(texts->items[i], &self->set->allowed[self->set->allowed_count])) {
            tw_parse_fault(&self->parse, node,
                           "allow: \"%s\" is no network such as 10.0.0.0/8 or fd00::/8",
                           tw_shown(texts->items[i], shown));
            continue;
        }
        self->set->allowed_count++;
    }
}

/* ---- times, the watchdog, heartbeats, inhibition ---- */

static struct tw_notify_time *time_of(struct tw_notify_load *self)
{
    return &self->set->times[self->set->time_count - 1];
}

/* The library keeps no name of a zone. */
static void keep_zone(struct tw_notify_load *self, yaml_node_t *node, struct tw_notify_time *time)
{
    const yaml_node_t *zone = tw_notify_at(self, node, "timezone");
    const char *name = zone == node ? NULL : tw_tree_text(zone);
    size_t count = time->count - 1;
    void *zones = time->zones;
    char **slot = tw_notify_grow(self, &zones, &count, sizeof *time->zones);
    time->zones = zones;
    if (slot != NULL && name != NULL) {
        *slot = tw_notify_copy(self, name);
    }
}

static void read_interval(struct tw_notify_load *self, yaml_node_t *node)
{
    struct tw_notify_time *time = time_of(self);
    void *items = time->items;
    struct tw_hours *hours = tw_notify_grow(self, &items, &time->count, sizeof *hours);
    time->items = items;
    if (hours != NULL) {
        tw_hours_read(&self->parse, "times.intervals", node, hours);
        keep_zone(self, node, time);
    }
}

static void read_time(struct tw_notify_load *self, yaml_node_t *node)
{
    struct tw_notify_time_text text = {0};
    tw_parse_map(&self->parse, &tw_notify_time_section, node, &text);
    const yaml_node_t *at = tw_notify_at(self, node, "name");
    for (size_t i = 0; text.name != NULL && i < self->set->time_count; i++) {
        if (strcmp(self->set->times[i].name, text.name) == 0) {
            tw_parse_fault(&self->parse, at, "times.name: \"%s\" is there already (line %d)",
                           text.name, self->set->times[i].line);
        }
    }
    if (text.name != NULL && !tw_notify_is_name(text.name)) {
        tw_parse_fault(&self->parse, at, "times.name: letters, digits, '_', '.', '-', at most %d",
                       TW_NOTIFY_NAME_MAX);
    }
    void *times = self->set->times;
    struct tw_notify_time *time =
        tw_notify_grow(self, &times, &self->set->time_count, sizeof *time);
    self->set->times = times;
    if (time == NULL) {
        free(text.name);
        return;
    }
    time->name = text.name != NULL ? text.name : tw_notify_copy(self, "");
    time->line = tw_tree_line(node);
    if (text.intervals != NULL) {
        tw_notify_read_list(self, text.intervals, "times.intervals", TW_NOTIFY_INTERVALS_MAX,
                            read_interval);
    }
}

static void read_watchdog(struct tw_notify_load *self, yaml_node_t *node)
{
    struct tw_watchdog_text text = {0};
    (void)tw_parse_defaults_of(&tw_watchdog_section, &text); /* numbers alone: no memory */
    tw_parse_map(&self->parse, &tw_watchdog_section, node, &text);
    if (text.receiver != NULL) {
        self->set->has_watchdog = true;
        self->set->watchdog_every_s = text.every_s;
        self->set->watchdog_receiver = tw_notify_receiver_of(
            self, tw_notify_at(self, node, "receiver"), "watchdog.receiver", text.receiver);
    }
    tw_cfg_free_fields(&tw_watchdog_section, &text);
}

static void read_heartbeat(struct tw_notify_load *self, yaml_node_t *node)
{
    struct tw_heartbeat_text text = {0};
    (void)tw_parse_defaults_of(&tw_heartbeat_section, &text); /* numbers alone: no memory */
    tw_parse_map(&self->parse, &tw_heartbeat_section, node, &text);
    for (size_t i = 0; text.name != NULL && i < self->set->heartbeat_count; i++) {
        if (strcmp(self->set->heartbeats[i].name, text.name) == 0) {
            tw_parse_fault(&self->parse, node, "heartbeats.name: \"%s\" is there already (line %d)",
                           text.name, self->set->heartbeats[i].line);
        }
    }
    void *items = self->set->heartbeats;
    struct tw_notify_heartbeat *beat =
        tw_notify_grow(self, &items, &self->set->heartbeat_count, sizeof *beat);
    self->set->heartbeats = items;
    if (beat == NULL) {
        tw_cfg_free_fields(&tw_heartbeat_section, &text);
        return;
    }
    *beat = (struct tw_notify_heartbeat){
        .name = text.name != NULL ? text.name : tw_notify_copy(self, ""),
        .every_s = text.every_s,
        .grace_s = text.grace_s,
        .severity = (enum tw_severity)text.severity,
        .owner = text.owner,
        .line = tw_tree_line(node),
    };
}

static void read_inhibit(struct tw_notify_load *self, yaml_node_t *node)
{
    struct tw_inhibit_text text = {0};
    tw_parse_map(&self->parse, &tw_inhibit_section, node, &text);
    void *items = self->set->inhibits;
    struct tw_inhibit *inhibit =
        tw_notify_grow(self, &items, &self->set->inhibit_count, sizeof *inhibit);
    self->set->inhibits = items;
    if (inhibit != NULL) {
        inhibit->line = tw_tree_line(node);
        inhibit->source =
            tw_notify_read_matchers(self, tw_notify_at(self, node, "source"), "inhibit.source",
                                    &text.source, &inhibit->source_texts, &inhibit->source_count);
        inhibit->target =
            tw_notify_read_matchers(self, tw_notify_at(self, node, "target"), "inhibit.target",
                                    &text.target, &inhibit->target_texts, &inhibit->target_count);
        inhibit->equal = text.equal;
        text.equal = (struct tw_cfg_strings){NULL, 0};
        inhibit->follows_system = text.follows != NULL && strcmp(text.follows, "system") == 0;
        tw_notify_check_labels(self, tw_notify_at(self, node, "equal"), "inhibit.equal",
                               &inhibit->equal);
    }
    if (text.source.items != NULL && text.source.count == 0) {
        tw_parse_fault(&self->parse, node, "inhibit.source: at least one matcher is needed");
    }
    if (text.follows != NULL && strcmp(text.follows, "system") != 0) {
        tw_parse_fault(&self->parse, tw_notify_at(self, node, "follows"),
                       "inhibit.follows: \"system\" is the only word here");
    }
    tw_cfg_free_fields(&tw_inhibit_section, &text);
}

/* ---- the file ---- */

static void take_url(struct tw_notify_load *self, char **url_p)
{
    self->set->external_url = *url_p;
    *url_p = NULL;
    for (size_t len = self->set->external_url == NULL ? 0 : strlen(self->set->external_url);
         len > 0 && self->set->external_url[len - 1] == '/'; len--) {
        self->set->external_url[len - 1] = '\0';
    }
}

static void read_root(struct tw_notify_load *self, yaml_node_t *root)
{
    struct tw_notify_file_text text = {0};
    if (root == NULL || tw_tree_is_null(root)) {
        tw_faults_add(&self->parse.faults, self->parse.file, 0,
                      "it is empty: receivers and route are needed");
        return;
    }
    tw_parse_map(&self->parse, &tw_notify_file_section, root, &text);
    take_url(self, &text.external_url);
    read_allow(self, tw_notify_at(self, root, "allow"), &text.allow);
    if (text.receivers != NULL) {
        tw_notify_read_receivers(self, text.receivers);
    }
    if (text.times != NULL) {
        tw_notify_read_list(self, text.times, "times", TW_NOTIFY_TIMES_MAX, read_time);
    }
    if (text.route != NULL) {
        tw_notify_read_route(self, text.route);
    }
    if (text.inhibit != NULL) {
        tw_notify_read_list(self, text.inhibit, "inhibit", TW_NOTIFY_INHIBITS_MAX, read_inhibit);
    }
    if (text.watchdog != NULL) {
        read_watchdog(self, text.watchdog);
    }
    if (text.heartbeats != NULL) {
        tw_notify_read_list(self, text.heartbeats, "heartbeats", TW_NOTIFY_HEARTBEATS_MAX,
                            read_heartbeat);
    }
    tw_cfg_free_fields(&tw_notify_file_section, &text);
}

/* ---- life ---- */

static struct tw_notify_holder *holder_of(const struct tw_notify *self)
{
    return (struct tw_notify_holder *)(uintptr_t)self; /* made by us, and not const then */
}

static void free_times(struct tw_notify *set)
{
    for (size_t i = 0; i < set->time_count; i++) {
        struct tw_notify_time *time = &set->times[i];
        for (size_t k = 0; k < time->count; k++) {
            tw_hours_fini(&time->items[k]);
            free(time->zones == NULL ? NULL : time->zones[k]);
        }
        free(time->items);
        free(time->zones);
        free(time->name);
    }
    free(set->times);
}

static void destroy(struct tw_notify_holder *self)
{
    struct tw_notify *set = &self->set;
    tw_notify_free_receivers(set);
    for (size_t i = 0; i < set->route_count; i++) {
        struct tw_route *route = &set->routes[i];
        tw_matchers_destroy(&route->matchers);
        tw_cfg_free_strings(&route->group_by);
        free(route->key);
    }
    free(set->routes);
    for (size_t i = 0; i < set->inhibit_count; i++) {
        tw_matchers_destroy(&set->inhibits[i].source);
        tw_matchers_destroy(&set->inhibits[i].target);
        tw_cfg_free_strings(&set->inhibits[i].equal);
    }
    free(set->inhibits);
    free_times(set);
    for (size_t i = 0; i < set->heartbeat_count; i++) {
        free(set->heartbeats[i].name);
        free(set->heartbeats[i].owner);
    }
    free(set->heartbeats);
    free(set->allowed);
    free(set->external_url);
    free(set->file);
    tw_arena_fini(&self->arena);
    free(self);
}

static int finish(struct tw_notify_load *self, int rc, FILE *report,
                  const struct tw_notify **ret_set)
{
    static atomic_uint_least64_t serial = 1;
    if (rc == TW_OK && (self->parse.is_out_of_memory || self->parse.faults.is_out_of_memory)) {
        rc = TW_ENOMEM;
    }
    if (rc == TW_OK && tw_faults_any(&self->parse.faults)) {
        tw_faults_report(&self->parse.faults, report);
        rc = TW_ECONFIG;
    }
    if (rc == TW_OK) {
        self->set->serial = atomic_fetch_add(&serial, 1);
        *ret_set = self->set;
    } else {
        destroy(self->holder);
    }
    tw_parse_fini(&self->parse);
    free(self);
    return rc;
}

static struct tw_notify_load *begin(void)
{
    struct tw_notify_load *self = calloc(1, sizeof *self); /* the faults alone are kilobytes */
    struct tw_notify_holder *holder = calloc(1, sizeof *holder);
    if (self == NULL || holder == NULL) {
        free(self);
        free(holder);
        return NULL;
    }
    atomic_init(&holder->references, 1);
    tw_arena_init(&holder->arena, ARENA_BYTES);
    self->holder = holder;
    self->set = &holder->set;
    self->pub = "tcp://127.0.0.1:8465"; /* the default of notify.pub */
    self->may_pub_be_open = true;       /* without a configuration nothing is bound */
    return self;
}

static int read_text(struct tw_notify_load *self, const char *name, struct tw_str yaml)
{
    struct tw_tree tree = {0};
    self->parse.file = name;
    self->parse.tree = &tree;
    int rc = tw_tree_parse(&tree, name, yaml.ptr, yaml.len, &self->parse.faults);
    if (rc == TW_OK) {
        read_root(self, tw_tree_root(&tree));
    }
    tw_tree_fini(&tree);
    self->parse.tree = NULL;
    return rc == TW_ENOMEM ? rc : TW_OK;
}

int tw_notify_parse(const char *name, struct tw_str yaml, FILE *report,
                    const struct tw_notify **ret_set)
{
    struct tw_notify_load *self = begin();
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->set->file = tw_notify_copy(self, name);
    return finish(self, read_text(self, name, yaml), report, ret_set);
}

int tw_notify_load(const struct tw_cfg *cfg, FILE *report, const struct tw_notify **ret_set)
{
    struct tw_notify_load *self = begin();
    const char *path = cfg->notify.file;
    char *text = NULL;
    size_t len = 0;
    if (self == NULL) {
        return TW_ENOMEM;
    }
    int rc = TW_OK;
    self->pub = cfg->notify.pub != NULL ? cfg->notify.pub : self->pub;
    self->may_pub_be_open = cfg->notify.curve.server_key_file != NULL || cfg->notify.is_insecure;
    if (path == NULL) {
        rc = read_text(self, "(built in) notify.yaml", tw_str_of(built_in));
        return finish(self, rc, report, ret_set);
    }
    self->set->file = tw_notify_copy(self, path);
    rc = tw_tree_read_file(path, &text, &len, &self->parse.faults);
    rc = rc == TW_OK ? read_text(self, path, (struct tw_str){text, len}) : rc;
    free(text);
    return finish(self, rc == TW_ECONFIG ? TW_OK : rc, report, ret_set); /* it is a fault */
}

const struct tw_notify *tw_notify_ref(const struct tw_notify *self)
{
    (void)atomic_fetch_add_explicit(&holder_of(self)->references, 1, memory_order_relaxed);
    return self;
}

void tw_notify_unref(const struct tw_notify **self_p)
{
    const struct tw_notify *self = self_p == NULL ? NULL : *self_p;
    if (self == NULL) {
        return;
    }
    *self_p = NULL;
    struct tw_notify_holder *holder = holder_of(self);
    /* Release what was read through this reference; the last one acquires all of it. */
    if (atomic_fetch_sub_explicit(&holder->references, 1, memory_order_acq_rel) == 1) {
        destroy(holder);
    }
}

int tw_notify_print_keys(FILE *out)
{
    tw_cfg_print_section(out, &tw_notify_file_section);
    tw_cfg_print_section(out, &tw_receiver_section);
    for (size_t i = 0; i < TW_INTEGRATION_KIND_COUNT; i++) {
        tw_cfg_print_section(out, &tw_integration_sections[i]);
    }
    tw_cfg_print_section(out, &tw_route_section);
    tw_cfg_print_section(out, &tw_escalation_section);
    tw_cfg_print_section(out, &tw_inhibit_section);
    tw_cfg_print_section(out, &tw_notify_time_section);
    tw_cfg_print_section(out, &tw_hours_section);
    tw_cfg_print_section(out, &tw_watchdog_section);
    tw_cfg_print_section(out, &tw_heartbeat_section);
    return ferror(out) != 0 ? TW_EIO : TW_OK;
}
