/* SPDX-License-Identifier: Apache-2.0
 * Receivers: their integrations, where these lead to, and their secrets.
 */
#include "config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/secret.h"
#include "config/url.h"
#include "notify/routes_internal.h"

#define WHERE_BYTES 64
#define ADDRESS_MAX 254 /* RFC 5321 */
#define PATH_BYTES  4096

/* One integration while it is read. */
struct draft {
    struct tw_notify_load *load;
    const yaml_node_t *node;
    struct tw_integration_text text;
    struct tw_integration *to;
};

/* ---- secrets ---- */

static void fault_at(struct draft *draft, const char *key, const char *what)
{
    tw_parse_fault(&draft->load->parse, tw_notify_at(draft->load, draft->node, key), "%s.%s: %s",
                   tw_integration_name(draft->to->kind), key, what);
}

/* A path of the file itself is relative to where that file is. TW_ELIMIT. */
static int beside_file(const struct tw_notify_load *load, const char *path, char *buf, size_t size)
{
    const char *file = load->set->file == NULL ? "" : load->set->file;
    const char *slash = strrchr(file, '/');
    int dir = path[0] == '/' || slash == NULL ? 0 : (int)(slash - file) + 1;
    return snprintf(buf, size, "%.*s%s", dir, file, path) < (int)size ? TW_OK : TW_ELIMIT;
}

/* From the file, or from the environment; a literal is refused unless is_public. NULL: neither was
 * given, or there was a fault, which is told. */
static char *read_secret(struct draft *draft, const char *key, const char *text, const char *path,
                         bool is_public)
{
    char file_key[WHERE_BYTES];
    char place[PATH_BYTES];
    struct tw_diag diag = {""};
    char *secret = NULL;
    int rc = TW_OK;
    (void)snprintf(file_key, sizeof file_key, "%s-file", key);
    if (text != NULL && path != NULL) {
        fault_at(draft, file_key, "given beside it: one of both");
    } else if (path != NULL) {
        rc = beside_file(draft->load, path, place, sizeof place) == TW_OK
                 ? tw_secret_read(place, &secret, &diag)
                 : tw_diag_set(&diag, TW_EINVAL, "the path is too long");
        if (rc == TW_EINVAL) {
            fault_at(draft, file_key, diag.text);
        }
    } else if (text != NULL && tw_secret_is_reference(text)) {
        rc = tw_secret_resolve(text, &secret, &diag);
        if (rc == TW_EINVAL) {
            fault_at(draft, key, diag.text);
        }
    } else if (text != NULL && is_public) {
        secret = tw_notify_copy(draft->load, text);
    } else if (text != NULL) {
        fault_at(draft, key, "a secret does not stand here: name a file, or ${env:NAME}");
    }
    draft->load->parse.is_out_of_memory = draft->load->parse.is_out_of_memory || rc == TW_ENOMEM;
    return secret;
}

static void need(struct draft *draft, const char *key, const char *value, const char *given_text,
                 const char *given_path)
{
    char what[WHERE_BYTES];
    if (value == NULL && given_text == NULL && given_path == NULL) {
        (void)snprintf(what, sizeof what, "it is missing, and so is %s-file", key);
        fault_at(draft, key, what);
    }
}

/* ---- where to ---- */

/* "https://host:port/..." of a URL that passed. */
static char *target_of(struct tw_notify_load *load, const char *url)
{
    const char *host = strstr(url, "://") + 3;
    size_t len = (size_t)(host - url) + strcspn(host, "/?");
    char text[TW_URL_MAX + 8];
    (void)snprintf(text, sizeof text, "%.*s%s", (int)len, url,
                   url[len] == '\0' || strcmp(url + len, "/") == 0 ? "" : "/...");
    return tw_notify_copy(load, text);
}

static void read_url(struct draft *draft, bool is_public)
{
    struct tw_diag diag = {""};
    const struct tw_integration_text *text = &draft->text;
    char *url = read_secret(draft, "url", text->url, text->url_file, is_public);
    need(draft, "url", url, text->url, text->url_file);
    if (url != NULL && tw_url_check(url, &diag) != TW_OK) {
        bool may_show = is_public && text->url_file == NULL && !tw_secret_is_reference(text->url);
        fault_at(draft, text->url_file != NULL ? "url-file" : "url",
                 may_show ? diag.text : "what it names is no URL of http or https");
        tw_secret_free(&url);
    }
    draft->to->url = url;
    draft->to->target = url == NULL ? NULL : target_of(draft->load, url);
}

static void read_http(struct draft *draft)
{
    const struct tw_integration_text *text = &draft->text;
    char place[PATH_BYTES];
    if (text->ca_file != NULL &&
        (beside_file(draft->load, text->ca_file, place, sizeof place) != TW_OK ||
         access(place, R_OK) != 0)) {
        fault_at(draft, "ca-file", "it cannot be read");
    } else if (text->ca_file != NULL) {
        draft->to->ca_file = tw_notify_copy(draft->load, place);
    }
    draft->to->timeout_s = text->timeout_s;
    draft->to->bearer = read_secret(draft, "bearer", text->bearer, text->bearer_file, false);
}

/* Narrow: what may stand in a header and in a command to the server. */
static bool is_address(const char *text)
{
    size_t len = strlen(text);
    const char *at = strchr(text, '@');
    if (len > ADDRESS_MAX || at == NULL || at == text || at[1] == '\0' ||
        strchr(at + 1, '@') != NULL) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= 0x20 || text[i] == 0x7f || strchr("<>()[],;:\\\"", text[i]) != NULL) {
            return false;
        }
    }
    return true;
}

/* smtp://HOST:PORT */
static bool is_smarthost(const char *text)
{
    char url[TW_URL_MAX];
    const char *host = text + 7;
    bool is_smtp = strncmp(text, "smtp://", 7) == 0;
    if (!is_smtp || strpbrk(host, "/?#") != NULL || strrchr(host, ':') == NULL ||
        snprintf(url, sizeof url, "http://%s", host) >= (int)sizeof url) {
        return false;
    }
    const char *colon = strrchr(host, ':');
    return colon[1] != '\0' && strchr(colon, ']') == NULL && tw_url_check(url, NULL) == TW_OK;
}

static char *join(struct tw_notify_load *load, const struct tw_cfg_strings *texts)
{
    struct tw_buf buf;
    char *joined = NULL;
    tw_buf_init(&buf, TW_NOTIFY_TO_MAX * (ADDRESS_MAX + 2));
    for (size_t i = 0; i < texts->count; i++) {
        (void)tw_buf_append_str(&buf, tw_str_of(i == 0 ? "" : ", ")); /* the error stays */
        (void)tw_buf_append_str(&buf, tw_str_of(texts->items[i]));
    }
    if (tw_buf_append_byte(&buf, 0) == TW_OK) {
        joined = tw_notify_copy(load, buf.data);
    }
    load->parse.is_out_of_memory = load->parse.is_out_of_memory || buf.error == TW_ENOMEM;
    tw_buf_fini(&buf);
    return joined;
}

static void read_mail(struct draft *draft)
{
    struct tw_integration_text *text = &draft->text;
    struct tw_integration *to = draft->to;
    bool is_good = text->to.count >= 1 && text->to.count <= TW_NOTIFY_TO_MAX;
    if (text->to.items != NULL && !is_good) {
        fault_at(draft, "to", "1 to 50 addresses are expected");
    }
    for (size_t i = 0; text->to.items != NULL && i < text->to.count; i++) {
        if (!is_address(text->to.items[i])) {
            fault_at(draft, "to", "one is no address, such as ops@shop.example");
            is_good = false;
        }
    }
    if (text->from != NULL && !is_address(text->from)) {
        fault_at(draft, "from", "it is no address, such as tower@shop.example");
    }
    if (text->smarthost != NULL && !is_smarthost(text->smarthost)) {
        fault_at(draft, "smarthost", "smtp://HOST:PORT is expected");
    }
    to->tls = (enum tw_mail_tls)text->tls;
    to->password = read_secret(draft, "password", text->password, text->password_file, false);
    if ((text->username == NULL) != (text->password == NULL && text->password_file == NULL)) {
        fault_at(draft, "username", "a name and a password are given together, or neither");
    } else if (text->username != NULL && to->tls == TW_MAIL_NO_TLS) {
        fault_at(draft, "tls", "a password is not sent without tls");
    }
    to->target = is_good ? join(draft->load, &text->to) : NULL;
    to->to = text->to;
    to->from = text->from;
    to->smarthost = text->smarthost;
    to->username = text->username;
    to->has_picture = text->has_picture;
    text->to = (struct tw_cfg_strings){NULL, 0};
    text->from = NULL;
    text->smarthost = NULL;
    text->username = NULL;
    read_http(draft);
}

static void read_pager(struct draft *draft)
{
    const struct tw_integration_text *text = &draft->text;
    char *key = read_secret(draft, "routing-key", text->routing_key, text->routing_key_file, false);
    need(draft, "routing-key", key, text->routing_key, text->routing_key_file);
    if (key != NULL && strlen(key) != 32) {
        fault_at(draft, text->routing_key_file != NULL ? "routing-key-file" : "routing-key",
                 "a key has 32 characters");
        tw_secret_free(&key);
    }
    draft->to->routing_key = key;
    read_url(draft, true);
    read_http(draft);
}

static void read_by_kind(struct draft *draft)
{
    switch (draft->to->kind) {
    case TW_INTEGRATION_WEBHOOK:
    case TW_INTEGRATION_ALERTMANAGER:
        read_url(draft, true);
        read_http(draft);
        break;
    case TW_INTEGRATION_SLACK:
    case TW_INTEGRATION_TEAMS:
        read_url(draft, false);
        read_http(draft);
        break;
    case TW_INTEGRATION_EMAIL:
        read_mail(draft);
        break;
    case TW_INTEGRATION_PAGERDUTY:
        read_pager(draft);
        break;
    case TW_INTEGRATION_PUB:
        draft->to->bind = draft->text.bind;
        draft->text.bind = NULL;
        if (draft->to->bind != NULL && !draft->load->may_pub_be_open &&
            !tw_endpoint_is_local(draft->to->bind)) {
            fault_at(draft, "bind",
                     "it is open to other machines without CURVE: give it keys (`curve` of the "
                     "configuration), or set `notify.insecure: true` there");
        }
        if (draft->to->bind == NULL) {
            draft->to->bind = tw_notify_copy(draft->load, draft->load->pub);
        }
        draft->to->target =
            draft->to->bind == NULL ? NULL : tw_notify_copy(draft->load, draft->to->bind);
        break;
    case TW_INTEGRATION_BROWSER:
        draft->to->max_alerts = TW_NOTIFY_ALERTS_DEFAULT;
        draft->to->target = tw_notify_copy(draft->load, "the open pages of this tower");
        break;
    case TW_INTEGRATION_KIND_COUNT:
    default:
        break;
    }
}

/* ---- receivers ---- */

static struct tw_integration *add_integration(struct tw_notify_load *load,
                                              struct tw_receiver *receiver,
                                              enum tw_integration_kind kind)
{
    size_t idx = 0;
    for (size_t i = 0; i < receiver->count; i++) {
        idx += receiver->items[i].kind == kind ? 1 : 0;
    }
    void *items = receiver->items;
    struct tw_integration *item = tw_notify_grow(load, &items, &receiver->count, sizeof *item);
    receiver->items = items;
    if (item != NULL) {
        item->kind = kind;
        item->idx = idx;
    }
    return item;
}

static void read_integration(struct tw_notify_load *load, enum tw_integration_kind kind,
                             yaml_node_t *node, struct tw_receiver *receiver)
{
    const struct tw_cfg_section *section = &tw_integration_sections[kind];
    struct draft draft = {.load = load, .node = node};
    if (receiver->count == TW_NOTIFY_INTEGRATIONS_MAX) {
        tw_parse_fault(&load->parse, node, "receivers: more than %d ways of telling one",
                       TW_NOTIFY_INTEGRATIONS_MAX);
        return;
    }
    draft.to = add_integration(load, receiver, kind);
    if (draft.to == NULL || tw_parse_defaults_of(section, &draft.text) != TW_OK) {
        load->parse.is_out_of_memory = true;
    } else {
        tw_parse_map(&load->parse, section, node, &draft.text);
        draft.to->line = tw_tree_line(node);
        draft.to->sends_resolved = draft.text.sends_resolved;
        draft.to->max_alerts =
            draft.text.max_alerts == 0 ? TW_NOTIFY_ALERTS_MAX : draft.text.max_alerts;
        if (node->type == YAML_MAPPING_NODE) {
            read_by_kind(&draft);
        }
    }
    tw_cfg_free_fields(section, &draft.text);
}

static void read_kind(struct tw_notify_load *load, enum tw_integration_kind kind, yaml_node_t *list,
                      struct tw_receiver *receiver)
{
    if (list->type != YAML_SEQUENCE_NODE) {
        tw_parse_fault(&load->parse, list, "receivers.%s: a list of maps is expected, such as [{}]",
                       tw_integration_name(kind));
        return;
    }
    for (const yaml_node_item_t *item = list->data.sequence.items.start;
         item < list->data.sequence.items.top; item++) {
        yaml_node_t *node = tw_tree_node(load->parse.tree, *item);
        if (!tw_parse_visit(&load->parse, node)) {
            return;
        }
        read_integration(load, kind, node, receiver);
    }
}

static void check_name(struct tw_notify_load *load, const yaml_node_t *node, const char *name)
{
    const struct tw_receiver *other = tw_notify_find(load->set, tw_str_of(name));
    if (!tw_notify_is_name(name)) {
        char shown[TW_SHOWN_SIZE];
        tw_parse_fault(&load->parse, node,
                       "receivers.name: \"%s\": letters, digits, '_', '.', '-', at most %d",
                       tw_shown(name, shown), TW_NOTIFY_NAME_MAX);
    } else if (other != NULL) {
        tw_parse_fault(&load->parse, node, "receivers.name: \"%s\" is there already (line %d)",
                       name, other->line);
    }
}

static void read_receiver(struct tw_notify_load *load, yaml_node_t *node)
{
    struct tw_receiver_text text = {0};
    tw_parse_map(&load->parse, &tw_receiver_section, node, &text);
    if (text.name != NULL) {
        check_name(load, node, text.name);
    }
    void *items = load->set->receivers;
    struct tw_receiver *receiver =
        tw_notify_grow(load, &items, &load->set->receiver_count, sizeof *receiver);
    load->set->receivers = items;
    if (receiver == NULL) {
        free(text.name);
        return;
    }
    receiver->name = text.name != NULL ? text.name : tw_notify_copy(load, "");
    receiver->line = tw_tree_line(node);
    for (unsigned i = 0; i < TW_INTEGRATION_KIND_COUNT; i++) {
        if (text.kinds[i] != NULL) {
            read_kind(load, (enum tw_integration_kind)i, text.kinds[i], receiver);
        }
    }
}

void tw_notify_read_receivers(struct tw_notify_load *self, yaml_node_t *node)
{
    tw_notify_read_list(self, node, "receivers", TW_NOTIFY_RECEIVERS_MAX, read_receiver);
}

/* ---- the end ---- */

static void fini_integration(struct tw_integration *self)
{
    tw_secret_free(&self->url);
    tw_secret_free(&self->bearer);
    tw_secret_free(&self->routing_key);
    tw_secret_free(&self->password);
    tw_cfg_free_strings(&self->to);
    free(self->target);
    free(self->ca_file);
    free(self->from);
    free(self->smarthost);
    free(self->username);
    free(self->bind);
}

void tw_notify_free_receivers(struct tw_notify *set)
{
    for (size_t i = 0; i < set->receiver_count; i++) {
        struct tw_receiver *receiver = &set->receivers[i];
        for (size_t k = 0; k < receiver->count; k++) {
            fini_integration(&receiver->items[k]);
        }
        free(receiver->items);
        free(receiver->name);
    }
    free(set->receivers);
}
