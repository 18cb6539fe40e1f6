/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitor commands: the machine as a tree of objects, as far as test programs look at it. The tree
 * is computed when asked: /machine with peripheral (devices that have an id), peripheral-anon
 * (other -device words) and unattached (the rest), /chardevs and /objects.
 */
#include <stdio.h>
#include <string.h>

#include "qmp_int.h"

#define MAX_PROPERTIES 12

/* --- types --- */

struct qom_property {
    const char *name;
    const char *type;
};

struct qom_type {
    const char *name;
    const char *parent;
    bool abstract;
    struct qom_property property[MAX_PROPERTIES]; /* those that -device takes */
};

#define IDE_PROPERTIES                                                                             \
    {"drive", "str"}, {"unit", "uint32"}, {"serial", "str"}, {"ver", "str"},                       \
    {                                                                                              \
        "model", "str"                                                                             \
    }

static const struct qom_type types[] = {
    {"object", NULL, true, {}},
    {"container", "object", false, {}},
    {"machine", "object", true, {}},
    {"cleave-1-machine", "machine", false, {}},
    {"none-machine", "machine", false, {}},
    {"accel", "object", true, {}},
    {"cleave-accel", "accel", false, {}},
    {"qtest-accel", "accel", false, {}},
    {"chardev", "object", true, {}},
    {"device", "object", true, {}},
    {"isa-device", "device", true, {}},
    {"pci-device", "device", true, {}},
    {"ide-device", "device", true, {}},
    {"i440FX", "pci-device", false, {}},
    {"PIIX3", "pci-device", false, {}},
    {"piix3-ide", "pci-device", false, {}},
    {"PIIX4_PM", "pci-device", false, {}},
    {"VGA", "pci-device", false, {{"vgamem_mb", "uint32"}}},
    {"ide-hd",
     "ide-device",
     false,
     {IDE_PROPERTIES,
      {"cyls", "uint32"},
      {"heads", "uint32"},
      {"secs", "uint32"},
      {"bios-chs-trans", "BiosAtaTranslation"}}},
    {"ide-cd", "ide-device", false, {IDE_PROPERTIES}},
    {"floppy", "device", false, {{"drive", "str"}, {"unit", "uint32"}, {"drive-type", "str"}}},
    {"isa-fdc", "isa-device", false, {}},
    {"isa-serial", "isa-device", false, {{"chardev", "str"}, {"index", "uint32"}}},
    {"isa-debugcon", "isa-device", false, {{"chardev", "str"}, {"iobase", "uint32"}}},
    {"isa-debug-exit", "isa-device", false, {{"iobase", "uint32"}, {"iosize", "uint32"}}},
    {"pvpanic", "isa-device", false, {{"ioport", "uint16"}, {"events", "uint8"}}},
    {"ib700", "isa-device", false, {}},
    {"pc-testdev", "isa-device", false, {}},
    {"i8042", "isa-device", false, {}},
    {"i8257", "isa-device", false, {}},
    {"port92", "isa-device", false, {}},
    {"mc146818rtc", "isa-device", false, {}},
    {"isa-pit", "isa-device", false, {}},
    {"isa-i8259", "isa-device", false, {}},
    {"ioapic", "device", false, {}},
    {"hpet", "device", false, {}},
    {"fw_cfg_io", "device", false, {}},
};

static const struct qom_type *type_find(const char *name)
{
    for (unsigned i = 0; name && i < G_N_ELEMENTS(types); i++) {
        if (!strcmp(types[i].name, name)) {
            return &types[i];
        }
    }
    return NULL;
}

static bool type_is(const struct qom_type *t, const char *ancestor)
{
    while (t && strcmp(t->name, ancestor)) {
        t = type_find(t->parent);
    }
    return t != NULL;
}

QMP_COMMAND(cmd_list_types)
{
    const char *implements = qmp_member_string(args, "implements", "object");
    bool abstract = qmp_member_bool(args, "abstract", false);
    json_t *a = json_array();

    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        if (!type_is(&types[i], implements) || (types[i].abstract && !abstract)) {
            continue;
        }
        json_t *o = json_object();
        json_object_set_new(o, "name", qmp_string(types[i].name));
        if (types[i].parent) {
            json_object_set_new(o, "parent", qmp_string(types[i].parent));
        }
        if (types[i].abstract) {
            json_object_set_new(o, "abstract", json_true());
        }
        json_array_append_new(a, o);
    }
    return a;
}

static void property_add(json_t *a, const char *name, const char *type)
{
    json_t *o = json_object();

    json_object_set_new(o, "name", qmp_string(name));
    json_object_set_new(o, "type", qmp_string(type));
    json_array_append_new(a, o);
}

QMP_COMMAND(cmd_device_list_properties)
{
    const char *name = qmp_member_string(args, "typename", "");
    const struct qom_type *t = type_find(name);
    json_t *a;

    if (!t || !type_is(t, "device")) {
        qmp_set_error(error, QMP_DEVICE_NOT_FOUND, "Device '%s' not found", name);
        return NULL;
    }
    if (t->abstract) {
        return fail(error, "Parameter 'typename' expects a non-abstract device type");
    }
    a = json_array();
    for (unsigned i = 0; i < MAX_PROPERTIES && t->property[i].name; i++) {
        property_add(a, t->property[i].name, t->property[i].type);
    }
    return a;
}

/* --- the tree --- */

struct child {
    char *path;
    const char *type;
    const struct drive *drive; /* for its properties, or NULL */
};

/* Devices that every machine has, by their name in the arena. */
static const char *arena_type(const char *id)
{
    static const struct {
        const char *id;
        const char *type;
    } table[] = {
        {"i440fx", "i440FX"},      {"piix3", "PIIX3"},      {"ide", "piix3-ide"},
        {"pm", "PIIX4_PM"},        {"fdc", "isa-fdc"},      {"i8042", "i8042"},
        {"i8237", "i8257"},        {"port92", "port92"},    {"serial0", "isa-serial"},
        {"serial1", "isa-serial"}, {"fw-cfg", "fw_cfg_io"}, {"rtc", "mc146818rtc"},
        {"hpet", "hpet"},          {"pit", "isa-pit"},      {"pic", "isa-i8259"},
        {"ioapic", "ioapic"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        if (!strcmp(table[i].id, id)) {
            return table[i].type;
        }
    }
    return NULL;
}

static void child_add(GArray *all, const char *type, const struct drive *d, char *path)
{
    struct child c = {path, type, d};

    g_array_append_val(all, c);
}

static void drives_list(struct machine *m, GArray *all)
{
    struct drive *d;

    for (unsigned i = 0; (d = drives_nth(&m->drives, i)); i++) {
        const char *type = d->floppy ? "floppy" : d->cfg.cdrom ? "ide-cd" : "ide-hd";
        g_autofree char *qdev = drive_qdev(d);

        child_add(all, type, d,
                  d->cfg.qdev ? g_strdup_printf("/machine/peripheral/%s", qdev) : g_strdup(qdev));
    }
}

static void devices_list(struct machine *m, GArray *all)
{
    const struct dm_options *o = m->o;
    unsigned anonymous = 0;

    for (unsigned i = 0; i < o->ndevices; i++) {
        const struct dm_device *d = &o->device[i];

        child_add(all, d->type, NULL,
                  d->id ? g_strdup_printf("/machine/peripheral/%s", d->id)
                        : g_strdup_printf("/machine/peripheral-anon/device[%u]", anonymous++));
    }
    for (unsigned i = 0; i < m->pc.arena.ndev; i++) {
        const char *id = m->pc.arena.dev[i]->id;

        if (arena_type(id)) {
            child_add(all, arena_type(id), NULL, g_strdup_printf("/machine/unattached/%s", id));
        }
    }
}

static void child_clear(gpointer c)
{
    g_free(((struct child *)c)->path);
}

/* Every object, parents before children. */
static GArray *tree(struct machine *m)
{
    static const struct {
        const char *path;
        const char *type;
    } fixed[] = {{"/", "container"},
                 {"/machine", NULL},
                 {"/machine/peripheral", "container"},
                 {"/machine/peripheral-anon", "container"},
                 {"/machine/unattached", "container"},
                 {"/chardevs", "container"},
                 {"/objects", "container"}};
    GArray *all = g_array_new(FALSE, FALSE, sizeof(struct child));

    g_array_set_clear_func(all, child_clear);
    for (unsigned i = 0; i < G_N_ELEMENTS(fixed); i++) {
        const char *machine = m->o->machine == MACHINE_NONE ? "none-machine" : "cleave-1-machine";

        child_add(all, fixed[i].type ? fixed[i].type : machine, NULL, g_strdup(fixed[i].path));
    }
    drives_list(m, all);
    devices_list(m, all);
    for (unsigned i = 0; i < m->o->nchardevs; i++) {
        child_add(all, "chardev", NULL, g_strdup_printf("/chardevs/%s", m->o->chardev[i].id));
    }
    return all;
}

static const struct child *tree_find(const GArray *all, const char *path)
{
    size_t len = strlen(path);

    len -= len > 1 && path[len - 1] == '/';
    for (unsigned i = 0; i < all->len; i++) {
        const struct child *c = &g_array_index(all, struct child, i);

        if (strlen(c->path) == len && !strncmp(c->path, path, len)) {
            return c;
        }
    }
    return NULL;
}

static const struct child *path_arg(const GArray *all, json_t *args, GError **error)
{
    const char *path = qmp_member_string(args, "path", "");
    const struct child *c = tree_find(all, path);

    if (!c) {
        qmp_set_error(error, QMP_DEVICE_NOT_FOUND, "Device '%s' not found", path);
    }
    return c;
}

/* The part of `path` behind `parent`, if it is a child of it, and not a grandchild. */
static const char *child_name(const char *parent, const char *path)
{
    size_t len = strcmp(parent, "/") ? strlen(parent) : 0;

    if (strncmp(parent, path, len) || path[len] != '/' || !path[len + 1] ||
        strchr(path + len + 1, '/')) {
        return NULL;
    }
    return path + len + 1;
}

QMP_COMMAND(cmd_qom_list)
{
    struct monitor *mon = opaque;
    g_autoptr(GArray) all = tree(mon->machine);
    const struct child *c = path_arg(all, args, error);
    const struct qom_type *t = c ? type_find(c->type) : NULL;
    json_t *a;

    if (!c) {
        return NULL;
    }
    a = json_array();
    property_add(a, "type", "string");
    if (type_is(t, "device")) {
        property_add(a, "realized", "bool");
        property_add(a, "hotpluggable", "bool");
        property_add(a, "hotplugged", "bool");
    }
    for (unsigned i = 0; t && i < MAX_PROPERTIES && t->property[i].name; i++) {
        property_add(a, t->property[i].name, t->property[i].type);
    }
    for (unsigned i = 0; i < all->len; i++) {
        const struct child *k = &g_array_index(all, struct child, i);
        const char *name = child_name(c->path, k->path);

        if (name) {
            g_autofree char *type = g_strdup_printf("child<%s>", k->type);

            property_add(a, name, type);
        }
    }
    return a;
}

static json_t *drive_property(const struct drive *d, const char *name)
{
    const struct {
        const char *name;
        const char *text;
    } strings[] = {{"drive", d->cfg.id},    {"serial", d->cfg.serial}, {"ver", d->cfg.version},
                   {"model", d->cfg.model}, {"drive-type", "auto"},    {"bios-chs-trans", "auto"}};
    const struct {
        const char *name;
        gint64 value;
    } numbers[] = {{"unit", d->unit % 2},
                   {"cyls", d->cfg.cylinders},
                   {"heads", d->cfg.heads},
                   {"secs", d->cfg.sectors}};

    for (unsigned i = 0; i < G_N_ELEMENTS(strings); i++) {
        if (!strcmp(name, strings[i].name)) {
            return qmp_string(strings[i].text ? strings[i].text : "");
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (!strcmp(name, numbers[i].name)) {
            return json_integer(numbers[i].value);
        }
    }
    return NULL;
}

/* Of properties whose value nobody keeps. */
static json_t *property_default(const struct qom_type *t, const char *name)
{
    for (unsigned i = 0; i < MAX_PROPERTIES && t->property[i].name; i++) {
        if (!strcmp(t->property[i].name, name)) {
            return g_str_has_prefix(t->property[i].type, "uint") ? json_integer(0) : qmp_string("");
        }
    }
    return NULL;
}

static json_t *device_property(const struct dm_options *o, const struct child *c, const char *name)
{
    if (!strcmp(name, "realized")) {
        return json_true();
    }
    if (!strcmp(name, "hotplugged") || !strcmp(name, "hotpluggable")) {
        return json_false();
    }
    if (c->drive) {
        return drive_property(c->drive, name);
    }
    if (!strcmp(c->type, "pvpanic") && !strcmp(name, "ioport")) {
        return json_integer(o->pvpanic_port);
    }
    if (!strcmp(c->type, "pvpanic") && !strcmp(name, "events")) {
        return json_integer(o->pvpanic_events);
    }
    if (!strcmp(c->type, "isa-debug-exit") && !strcmp(name, "iobase")) {
        return json_integer(o->debug_exit);
    }
    return property_default(type_find(c->type), name);
}

QMP_COMMAND(cmd_qom_get)
{
    struct monitor *mon = opaque;
    g_autoptr(GArray) all = tree(mon->machine);
    const struct child *c = path_arg(all, args, error);
    const char *name = qmp_member_string(args, "property", "");
    json_t *n = NULL;

    if (!c) {
        return NULL;
    }
    if (!strcmp(name, "type")) {
        return qmp_string(c->type);
    }
    for (unsigned i = 0; !n && i < all->len; i++) { /* a child reads as its path */
        const char *path = g_array_index(all, struct child, i).path;
        const char *child = child_name(c->path, path);

        n = child && !strcmp(child, name) ? qmp_string(path) : NULL;
    }
    if (!n && type_is(type_find(c->type), "device")) {
        n = device_property(mon->machine->o, c, name);
    }
    return n ? n : fail(error, "Property '%s.%s' not found", c->type, name);
}

const struct qmp_command qom_commands[] = {
    {"qom-list", cmd_qom_list},
    {"qom-get", cmd_qom_get},
    {"qom-list-types", cmd_list_types},
    {"device-list-properties", cmd_device_list_properties},
    {NULL, NULL},
};
