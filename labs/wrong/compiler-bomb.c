/* earns: */
/* SPDX-License-Identifier: MIT */
/* Makes the compiler expand a thousand million words. */
#define _GNU_SOURCE

#define A 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
#define B A A A A A A A A A A
#define C B B B B B B B B B B
#define D C C C C C C C C C C
#define E D D D D D D D D D D
#define F E E E E E E E E E E
#define G F F F F F F F F F F
#define H G G G G G G G G G G
#define J H H H H H H H H H H

static int many[] = {J};

int main(void)
{
    return many[0];
}
