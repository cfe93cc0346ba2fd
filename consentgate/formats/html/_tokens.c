/* Owns the compiled twin of the expressions in plain_tokens.py: passes over what needs no look.

   Passes whole tokens only, and only such as change nothing about how the rest is read; in doubt it
   stops, and the scanner in Python takes the token. Never reads beyond the limit. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <string.h>

typedef const unsigned char *Bytes;
typedef enum { HTML, DOUBTFUL, FOREIGN } Reading;

enum {
    GAP = 1,         /* white space in a tag */
    NAME_ENDS = 2,   /* ends a tag's or an attribute's name, beside "=" for the latter */
    PLAIN_ENDS = 4,  /* ends a value without quotes */
    LETTER = 8,
};
#define MOST_NAME_BYTES 19

static unsigned char KINDS[256];

/* Elements whose start or end changes how the rest is read; each list ends with an empty name. */
static const char *const RAW[] = {"script", "style",    "textarea", "title", "xmp",
                                  "iframe", "noembed", "noframes", ""};
static const char *const STOPS[] = {"svg",  "math", "noscript", "plaintext", "base", "body",
                                    "select", "frameset", ""};
static const char *const END_STOPS[] = {"noscript", "head", "select", ""};
static const char *const SHAPES[] = {"path",     "g",    "rect", "circle", "ellipse", "line",
                                     "polygon", "polyline", "use", "defs", "stop", "mask",
                                     "symbol", "text", "tspan", ""};
static const char *const DRAWN[] = {
    "path", "g", "rect", "circle", "ellipse", "line", "polygon", "polyline", "use", "defs",
    "stop", "mask", "symbol", "text", "tspan", "clippath", "lineargradient", "radialgradient",
    "pattern", "filter", "marker", "image", "switch", "view", "metadata", "animate",
    "animatetransform", "animatemotion", "set", "mpath", "textpath", "feblend", "fecolormatrix",
    "fecomponenttransfer", "fecomposite", "fedropshadow", "feflood", "fefunca", "fefuncb",
    "fefuncg", "fefuncr", "fegaussianblur", "feimage", "femerge", "femergenode", "femorphology",
    "feoffset", "fetile", "feturbulence", "mrow", "mfrac", "msqrt", "mroot", "msub", "msup",
    "msubsup", "munder", "mover", "munderover", "mtable", "mtr", "mtd", "mspace", "mstyle",
    "mpadded", "mphantom", "menclose", "mfenced", "mmultiscripts", "semantics", "annotation", ""};

static void prepare(void) {
    for (Bytes at = (Bytes) "\t\n\f\r "; *at; at++) KINDS[*at] = GAP | NAME_ENDS | PLAIN_ENDS;
    KINDS['/'] = NAME_ENDS;
    KINDS['>'] = NAME_ENDS | PLAIN_ENDS;
    for (int letter = 'a'; letter <= 'z'; letter++) KINDS[letter] = KINDS[letter - 32] = LETTER;
}

/* A tag: its name in lower case, empty if none that matters is so long, and where that ends. */
typedef struct {
    char name[MOST_NAME_BYTES + 1];
    Bytes after;
} Tag;

static int is_among(const Tag *tag, const char *const *names) {
    for (; **names; names++) {
        if (**names == *tag->name && strcmp(*names, tag->name) == 0) return 1;
    }
    return 0;
}

/* Reads the name at a place; 0 if it may go on beyond the limit. */
static int read_name(Bytes at, Bytes limit, Tag *tag) {
    Py_ssize_t length = 0;
    for (; at < limit && !(KINDS[*at] & NAME_ENDS); at++) {
        int byte = *at >= 'A' && *at <= 'Z' ? *at + 32 : *at;
        if (length < MOST_NAME_BYTES) tag->name[length] = (char)byte;
        length += byte ? 1 : MOST_NAME_BYTES + 1; /* no name that matters holds a zero */
    }
    tag->name[length <= MOST_NAME_BYTES ? length : 0] = 0;
    tag->after = at;
    return at < limit;
}

static Bytes over_gap(Bytes at, Bytes limit) {
    while (at < limit && KINDS[*at] & GAP) at++;
    return at;
}

static Bytes find(Bytes at, Bytes limit, int byte) {
    return memchr(at, byte, (size_t)(limit - at));
}

/* Where a tag ends, from behind its name (13.2.5.32 to 13.2.5.40); NULL: not before the limit. */
static Bytes tag_end(Bytes at, Bytes limit) {
    for (;;) {
        while (at < limit && (KINDS[*at] & GAP || *at == '/')) at++;
        if (at == limit) return NULL;
        if (*at == '>') return at + 1;
        if (*at == '=') at++;
        while (at < limit && !(KINDS[*at] & NAME_ENDS) && *at != '=') at++;
        Bytes equals = over_gap(at, limit);
        if (equals == limit) return NULL;
        if (*equals != '=') continue;
        at = over_gap(equals + 1, limit);
        if (at == limit) return NULL;
        if (*at == '"' || *at == '\'') {
            Bytes quote = find(at + 1, limit, *at);
            if (quote == NULL) return NULL;
            at = quote + 1;
        } else {
            while (at < limit && !(KINDS[*at] & PLAIN_ENDS)) at++;
        }
    }
}

/* Where a comment ends whose "<!--" is at a place (13.2.5.43 to 13.2.5.52); NULL: not in time. */
static Bytes comment_end(Bytes at, Bytes limit) {
    Bytes text = at + 4;
    if (limit - text < 2) return NULL;
    if (text[0] == '>') return text + 1;
    if (text[0] == '-' && text[1] == '>') return text + 2;
    for (Bytes end = text; (end = find(end, limit, '>')) != NULL; end++) {
        if (end - text >= 2 && end[-1] == '-' && end[-2] == '-') return end + 1;
        if (end - text >= 3 && end[-1] == '!' && end[-2] == '-' && end[-3] == '-') return end + 1;
    }
    return NULL;
}

static Bytes behind(Bytes at, Bytes limit, int byte) {
    Bytes found = find(at, limit, byte);
    return found ? found + 1 : NULL;
}

static Bytes cdata_end(Bytes at, Bytes limit) {
    for (Bytes end = at + 11; end < limit && (end = find(end, limit, '>')) != NULL; end++) {
        if (end[-1] == ']' && end[-2] == ']') return end + 1;
    }
    return NULL;
}

/* Where a comment or declaration ends whose "<" is at a place; NULL: it needs a look. */
static Bytes remark_end(Bytes at, Bytes limit, Reading reading) {
    if (at[1] != '!') return behind(at + 2, limit, '>');
    if (limit - at < 9) return NULL;
    if (memcmp(at, "<!--", 4) == 0) return comment_end(at, limit);
    if (at[2] != '[') return behind(at + 2, limit, '>');
    if (memcmp(at, "<![CDATA[", 9) == 0) return reading == FOREIGN ? cdata_end(at, limit) : NULL;
    return at[3] == 'C' ? NULL : behind(at + 2, limit, '>');
}

static int is_end_of(Bytes at, Bytes limit, const char *name, Bytes *after) {
    Tag tag;
    if (limit - at < 3 || at[1] != '/' || !read_name(at + 2, limit, &tag)) return 0;
    *after = tag.after;
    return strcmp(tag.name, name) == 0;
}

/* Where a raw text element's end tag ends, from behind its start tag; NULL: it needs a look. */
static Bytes raw_end(Bytes at, Bytes limit, const char *name) {
    int is_script = strcmp(name, "script") == 0;
    for (; (at = find(at, limit, '<')) != NULL; at++) {
        Bytes after;
        if (is_script && limit - at >= 4 && memcmp(at, "<!--", 4) == 0) return NULL;
        if (is_end_of(at, limit, name, &after)) return tag_end(after, limit);
    }
    return NULL;
}

/* Where a drawing of plain shapes ends, from behind its start tag; NULL: it needs a look. */
static Bytes drawing_end(Bytes at, Bytes limit) {
    while ((at = find(at, limit, '<')) != NULL) {
        Tag tag;
        Bytes after;
        if (is_end_of(at, limit, "svg", &after)) return tag_end(after, limit);
        int is_end = limit - at > 1 && at[1] == '/';
        Bytes name = at + 1 + is_end;
        if (!read_name(name, limit, &tag) || !is_among(&tag, SHAPES)) return NULL;
        at = tag_end(tag.after, limit);
        if (at == NULL) return NULL;
    }
    return NULL;
}

/* Where a start tag, or the whole element it begins, ends; NULL: it needs a look. */
static Bytes start_end(const Tag *tag, Bytes limit, Reading reading, int *form) {
    if (reading == FOREIGN) {
        return is_among(tag, DRAWN) ? tag_end(tag->after, limit) : NULL;
    }
    int is_raw = is_among(tag, RAW), is_drawing = strcmp(tag->name, "svg") == 0;
    if (reading == DOUBTFUL && is_raw) return NULL;
    if (is_among(tag, STOPS) && (reading == DOUBTFUL || !is_drawing)) return NULL;
    Bytes end = tag_end(tag->after, limit);
    if (end == NULL) return NULL;
    if (strcmp(tag->name, "form") == 0) *form = 1;
    if (is_raw) return raw_end(end, limit, tag->name);
    return is_drawing ? drawing_end(end, limit) : end;
}

/* Where the token ends whose "<" is at a place; NULL: it needs a look. */
static Bytes token_end(Bytes at, Bytes limit, Reading reading, int *form) {
    Tag tag;
    if (limit - at < 2) return NULL;
    if (KINDS[at[1]] & LETTER) {
        return read_name(at + 1, limit, &tag) ? start_end(&tag, limit, reading, form) : NULL;
    }
    if (at[1] == '!' || at[1] == '?') return remark_end(at, limit, reading);
    if (at[1] != '/') return at + 1;
    if (limit - at < 3) return NULL;
    if (!(KINDS[at[2]] & LETTER)) return behind(at + 2, limit, '>');
    if (!read_name(at + 2, limit, &tag)) return NULL;
    int is_stop = reading == FOREIGN ? !is_among(&tag, DRAWN) : is_among(&tag, END_STOPS);
    Bytes end = is_stop ? NULL : tag_end(tag.after, limit);
    if (end != NULL && reading != FOREIGN && strcmp(tag.name, "form") == 0) *form = -1;
    return end;
}

PyDoc_STRVAR(skip_doc,
             "skip(data, position, limit, reading, /)\n--\n\n"
             "Where the first token is that needs a look, and the last form's tag passed: 1 a\n"
             "start tag, -1 an end tag, 0 none. reading: 0 HTML, 1 in doubt, 2 SVG or MathML.");

static PyObject *skip(PyObject *module, PyObject *arguments) {
    PyObject *data;
    Py_ssize_t position, limit, length;
    int reading, form = 0;
    char *start;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "Snni:skip", &data, &position, &limit, &reading)) return NULL;
    if (PyBytes_AsStringAndSize(data, &start, &length) < 0) return NULL;
    if (position < 0 || position > limit || limit > length || reading < HTML || reading > FOREIGN) {
        PyErr_SetString(PyExc_ValueError, "0 <= position <= limit <= len(data), reading 0 to 2");
        return NULL;
    }
    Bytes at = (Bytes)start + position, stop = (Bytes)start + limit;
    for (;;) {
        Bytes opener = find(at, stop, '<');
        if (opener == NULL) return Py_BuildValue("(ni)", limit, form);
        int seen = form;
        at = token_end(opener, stop, (Reading)reading, &seen);
        if (at == NULL) return Py_BuildValue("(ni)", (Py_ssize_t)(opener - (Bytes)start), form);
        form = seen;
    }
}

static PyMethodDef methods[] = {
    {"skip", skip, METH_VARARGS, skip_doc},
    {NULL, NULL, 0, NULL},
};

static int executed(PyObject *module) {
    (void)module;
    prepare();
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)executed}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_tokens", NULL, 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__tokens(void) { return PyModuleDef_Init(&definition); }
