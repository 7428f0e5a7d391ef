/* SPDX-License-Identifier: MIT
 *
 * Draws the namespaces: a row for the host and one for each container, a column
 * for each kind. The same colour in a column means the same namespace. There
 * are no numbers in the picture, so that it is the same in each run.
 */
#define _GNU_SOURCE
#include "look.h"

#include "../../common/error.h"
#include "../../common/files.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 84, HEIGHT = 34, GAP = 6, LABEL = 150, TOP = 58, BOTTOM = 28 };

/* The second line above each column: the contents of that kind. */
static const char *const contents[NAMESPACES] = {
    "mounts",  "processes",  "hostname", "queues",
    "cgroups", "interfaces", "users",    "clocks"};

/* The colours of Okabe and Ito can be told apart by colour-blind readers. The
 * host's namespaces are grey. */
static const char *const colours[] = {"#56b4e9", "#e69f00", "#009e73",
                                      "#f0e442", "#cc79a7", "#d55e00"};

#define MIDDLE " text-anchor=\"middle\""
#define END    " text-anchor=\"end\""
#define SMALL  " font-size=\"12\" fill=\"#555555\""

/* Prints TEXT as XML. */
static void print_text(FILE *to, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", to);
            break;
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        default:
            fputc(*text, to);
        }
}

/* STYLE: attributes of the text, such as " text-anchor=\"end\"". */
static void print_label(FILE *to, int x, int y, const char *style,
                        const char *text)
{
    fprintf(to, "<text x=\"%d\" y=\"%d\"%s>", x, y, style);
    print_text(to, text);
    fputs("</text>\n", to);
}

static void print_cell(FILE *to, int column, int row, const char *colour,
                       const char *text)
{
    int x = LABEL + column * (WIDTH + GAP), y = TOP + row * (HEIGHT + GAP);

    fprintf(to,
            "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"5\" "
            "fill=\"%s\"/>\n",
            x, y, WIDTH, HEIGHT, colour);
    print_label(to, x + WIDTH / 2, y + HEIGHT / 2 + 5, MIDDLE, text);
}

/* The colour of a container's namespace is that of the container that has it
 * first. */
static const char *colour_of(const struct machine *machine,
                             const struct container *container, int kind)
{
    const struct container *c = machine->containers;
    unsigned long number = container->first->namespaces[kind];
    size_t i = 0;

    if (number == 0)
        return "#ffffff";
    if (number == machine->host[kind])
        return "#d9d9d9";
    for (; c->first->namespaces[kind] != number; c = c->next)
        i++;
    return colours[i % (sizeof(colours) / sizeof(colours[0]))];
}

static void print_rows(FILE *to, const struct machine *machine)
{
    int row = 0;

    for (int i = 0; i < NAMESPACES; i++) {
        int x = LABEL + i * (WIDTH + GAP) + WIDTH / 2;
        print_label(to, x, TOP - 32, MIDDLE, namespace_names[i]);
        print_label(to, x, TOP - 14, MIDDLE SMALL, contents[i]);
        print_cell(to, i, row, "#d9d9d9", "the host's");
    }
    print_label(to, LABEL - 12, TOP + HEIGHT / 2 + 5, END, "host");
    for (struct container *c = machine->containers; c; c = c->next) {
        row++;
        print_label(to, LABEL - 12, TOP + row * (HEIGHT + GAP) + HEIGHT / 2 + 5,
                    END, c->name);
        for (int i = 0; i < NAMESPACES; i++) {
            char *whose = owner(machine, c->first, i);
            const char *end = strstr(whose, "'s");
            print_cell(to, i, row, colour_of(machine, c, i),
                       end && strcmp(whose, "the host's") != 0 ? "shared"
                                                               : whose);
            free(whose);
        }
    }
}

void draw(const struct machine *machine, const char *file)
{
    FILE *to = fopen(file, "we");
    int rows = 1, width = LABEL + NAMESPACES * (WIDTH + GAP);

    if (!to)
        die("open", "%s", file);
    for (struct container *c = machine->containers; c; c = c->next)
        rows++;
    int height = TOP + rows * (HEIGHT + GAP) + BOTTOM;
    fprintf(to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"14\">\n"
            "<title>Namespaces: the same colour in a column means the same "
            "namespace</title>\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
            width, height, width, height);
    print_rows(to, machine);
    print_label(to, LABEL, height - 10, SMALL,
                "The same colour in a column means the same namespace.");
    fputs("</svg>\n", to);
    if (ferror(to) || fclose(to) == EOF)
        die("write", "%s", file);
}
