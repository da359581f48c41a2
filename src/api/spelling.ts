// Each method has two spellings on the bus: `get_status` and `GetStatus`; pure.

export function pascalCase(snake: string): string {
  return snake.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
