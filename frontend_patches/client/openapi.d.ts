/** Written by `npm run types` from the OpenAPI document of our endpoints. Do not edit it. */

export interface paths {
  '/chat': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Ask the model */
    post: operations['chat_chat_post'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/healthz': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Whether questions are taken */
    get: operations['healthz_healthz_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/about': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Who answers */
    get: operations['about_about_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/user/stats/{token}': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** What a user has used */
    get: operations['user_stats_user_stats__token__get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/user/stats': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** What a user has used */
    get: operations['user_stats_user_stats_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
}
export type webhooks = Record<string, never>;
export interface components {
  schemas: {
    /**
     * About
     * @description Who answers here.
     */
    About: {
      /**
       * Model
       * @example o1
       */
      model: string;
      /**
       * Demo
       * @description Whether no real model answers.
       * @example false
       */
      demo: boolean;
      /**
       * Reasons
       * @description Whether the model takes an effort.
       * @example true
       */
      reasons: boolean;
      /**
       * Priced
       * @description Whether its price is known.
       * @example true
       */
      priced: boolean;
    };
    /**
     * AccountStats
     * @description What a user has used.
     */
    AccountStats: {
      /**
       * Name
       * @example Somebody Else
       */
      name: string;
      /**
       * Total Tokens
       * @description All that was billed, each once.
       * @example 300
       */
      total_tokens: number;
      /**
       * Total Cost
       * @description In US dollars.
       * @example 0.01575
       */
      total_cost: number;
      /**
       * Request Count
       * @example 1
       */
      request_count: number;
      /**
       * Usage Limit
       * @description In US dollars; null for none.
       * @example 5
       */
      usage_limit: number | null;
      /**
       * Is Active
       * @description False for a user who is shut out.
       * @example true
       */
      is_active: boolean;
      /** Last Used */
      last_used: string | null;
      /**
       * Last Ip
       * @example 127.0.0.1
       */
      last_ip: string | null;
    };
    /**
     * ChatAnswer
     * @description A whole answer.
     */
    ChatAnswer: {
      /**
       * Prompt Tokens
       * @example 50
       */
      prompt_tokens: number;
      /**
       * Reasoning Tokens
       * @example 150
       */
      reasoning_tokens: number;
      /**
       * Completion Tokens
       * @description Of the answer itself.
       * @example 100
       */
      completion_tokens: number;
      /**
       * Total Tokens
       * @description All three together.
       * @example 300
       */
      total_tokens: number;
      /**
       * Cost
       * @description In US dollars; null where no price is known.
       * @example 0.01575
       */
      cost: number | null;
      /**
       * User Total Cost
       * @description All that the user has cost; null while the ledger cannot be read.
       * @example 0.01575
       */
      user_total_cost: number | null;
      /**
       * Request Count
       * @description All that the user has asked; null while the ledger cannot be read.
       * @example 1
       */
      request_count: number | null;
      /**
       * Thinking Time
       * @description Seconds.
       * @example 3.2
       */
      thinking_time: number;
      /**
       * Content
       * @example The answer.
       */
      content: string;
    };
    /**
     * Failure
     * @description Why there is no answer.
     */
    Failure: {
      /**
       * Error
       * @description For people, in English.
       */
      error: string;
    };
    /**
     * Readiness
     * @description Whether questions are taken.
     */
    Readiness: {
      /**
       * Status
       * @enum {string}
       */
      status: 'ok' | 'starting';
    };
  };
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
  chat_chat_post: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ChatAnswer'];
          'text/event-stream':
            | {
                /**
                 * Type
                 * @enum {string}
                 */
                type: 'thinking' | 'content';
                /** Text */
                text: string;
              }
            | {
                /**
                 * Prompt Tokens
                 * @example 50
                 */
                prompt_tokens: number;
                /**
                 * Reasoning Tokens
                 * @example 150
                 */
                reasoning_tokens: number;
                /**
                 * Completion Tokens
                 * @description Of the answer itself.
                 * @example 100
                 */
                completion_tokens: number;
                /**
                 * Total Tokens
                 * @description All three together.
                 * @example 300
                 */
                total_tokens: number;
                /**
                 * Cost
                 * @description In US dollars; null where no price is known.
                 * @example 0.01575
                 */
                cost: number | null;
                /**
                 * User Total Cost
                 * @description All that the user has cost; null while the ledger cannot be read.
                 * @example 0.01575
                 */
                user_total_cost: number | null;
                /**
                 * Request Count
                 * @description All that the user has asked; null while the ledger cannot be read.
                 * @example 1
                 */
                request_count: number | null;
                /**
                 * Thinking Time
                 * @description Seconds.
                 * @example 3.2
                 */
                thinking_time: number;
                /**
                 * Content
                 * @example The answer.
                 */
                content: string;
                /**
                 * Type
                 * @constant
                 */
                type: 'done';
              }
            | {
                /**
                 * Prompt Tokens
                 * @example 50
                 */
                prompt_tokens: number;
                /**
                 * Reasoning Tokens
                 * @example 150
                 */
                reasoning_tokens: number;
                /**
                 * Completion Tokens
                 * @description Of the answer itself.
                 * @example 100
                 */
                completion_tokens: number;
                /**
                 * Total Tokens
                 * @description All three together.
                 * @example 300
                 */
                total_tokens: number;
                /**
                 * Cost
                 * @description In US dollars; null where no price is known.
                 * @example 0.01575
                 */
                cost: number | null;
                /**
                 * User Total Cost
                 * @description All that the user has cost; null while the ledger cannot be read.
                 * @example 0.01575
                 */
                user_total_cost: number | null;
                /**
                 * Request Count
                 * @description All that the user has asked; null while the ledger cannot be read.
                 * @example 1
                 */
                request_count: number | null;
                /**
                 * Thinking Time
                 * @description Seconds.
                 * @example 3.2
                 */
                thinking_time: number;
                /**
                 * Content
                 * @example The answer.
                 */
                content: string;
                /**
                 * Type
                 * @constant
                 */
                type: 'error';
                /**
                 * Error
                 * @example The provider broke off in the middle of the answer.
                 */
                error: string;
              };
        };
      };
      /** @description Bad Request */
      400: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Unauthorized */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Forbidden */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Request Timeout */
      408: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Request Entity Too Large */
      413: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Unprocessable Entity */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Too Many Requests */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Bad Gateway */
      502: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Service Unavailable */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
    };
  };
  healthz_healthz_get: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Readiness'];
        };
      };
      /** @description Not yet */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Readiness'];
        };
      };
    };
  };
  about_about_get: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['About'];
        };
      };
    };
  };
  user_stats_user_stats__token__get: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        token: string | null;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['AccountStats'];
        };
      };
      /** @description Unauthorized */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Unprocessable Entity */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Too Many Requests */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Service Unavailable */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
    };
  };
  user_stats_user_stats_get: {
    parameters: {
      query?: {
        token?: string | null;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['AccountStats'];
        };
      };
      /** @description Unauthorized */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Unprocessable Entity */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Too Many Requests */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
      /** @description Service Unavailable */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Failure'];
        };
      };
    };
  };
}
